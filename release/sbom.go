package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// bom lists what is part of a program, as CycloneDX: the Go modules that Go has noted in it, and the sources that the
// modules in internal/image were made from, by wasm.lock.
func (r *release) bom(p platform, info *buildinfo.BuildInfo) ([]byte, error) {
	var parts []cyclonedx.Component
	for _, m := range info.Deps {
		c := cyclonedx.Component{Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: "pkg:golang/" + m.Path + "@" + m.Version}
		if sum, ok := strings.CutPrefix(m.Sum, "h1:"); ok {
			raw, err := base64.StdEncoding.DecodeString(sum)
			if err != nil {
				return nil, err
			}
			c.Properties = &[]cyclonedx.Property{{Name: "go:h1", Value: hex.EncodeToString(raw)}} // of the files' hashes, not of one file
		}
		parts = append(parts, c)
	}
	sources, err := r.sources()
	if err != nil {
		return nil, err
	}
	parts = append(parts, sources...)
	parts = append(parts, cyclonedx.Component{Type: cyclonedx.ComponentTypeLibrary, Name: "go", Version: strings.TrimPrefix(info.GoVersion, "go"), PackageURL: "pkg:golang/stdlib@" + strings.TrimPrefix(info.GoVersion, "go")})
	for i := range parts {
		parts[i].BOMRef = parts[i].PackageURL
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{
		Timestamp: r.when.Format(time.RFC3339),
		Component: &cyclonedx.Component{
			Type: cyclonedx.ComponentTypeApplication, Name: "nself", Version: r.version, BOMRef: "nself", Description: "for " + p.String(),
			Licenses: &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "MIT"}}},
		},
	}
	bom.Components = &parts
	var b bytes.Buffer
	err = cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return b.Bytes(), err
}

// sources are those of wasm.lock.
func (r *release) sources() (list []cyclonedx.Component, err error) {
	text, err := os.ReadFile(filepath.Join(r.top, "wasm/wasm.lock"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) != 6 || words[0] != "source" {
			continue
		}
		list = append(list, cyclonedx.Component{
			Type: cyclonedx.ComponentTypeLibrary, Name: words[1], Version: words[3], PackageURL: "pkg:deb/debian/" + words[2] + "@" + words[3] + "?arch=source",
			Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: words[5]}},
		})
	}
	if len(list) == 0 {
		return nil, errors.New("wasm.lock names no sources")
	}
	return list, nil
}
