package image

import "embed"

//go:embed native/amd64
var native embed.FS

const nativeDir = "native/amd64"
