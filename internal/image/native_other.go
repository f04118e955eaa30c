//go:build !amd64 && !arm64

package image

import "embed"

// There is no native code for this processor.
var native embed.FS

const nativeDir = "native"
