package image

import "embed"

//go:embed native/arm64
var native embed.FS

const nativeDir = "native/arm64"
