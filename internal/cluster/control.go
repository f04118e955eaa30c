package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
)

// What PostgreSQL 18 writes into pg_control. The names are those of the C headers.
const (
	pgControlVersion   = 1800      // PG_CONTROL_VERSION, src/include/catalog/pg_control.h
	catalogVersionNo   = 202506291 // CATALOG_VERSION_NO, src/include/catalog/catversion.h
	floatFormatValue   = 1234567.0 // FLOATFORMAT_VALUE, pg_control.h
	maximumAlignof     = 8         // MAXIMUM_ALIGNOF, pg_config.h
	blckSz             = 8192      // BLCKSZ
	relsegSize         = 131072    // RELSEG_SIZE, blocks
	xlogBlckSz         = 8192      // XLOG_BLCKSZ
	nameDataLen        = 64        // NAMEDATALEN
	indexMaxKeys       = 32        // INDEX_MAX_KEYS
	toastMaxChunkSize  = 1996      // TOAST_MAX_CHUNK_SIZE
	loBlkSize          = 2048      // LOBLKSIZE
	controlFileMinSize = 296       // sizeof(ControlFileData), rounded up to 8
)

// Offsets in struct ControlFileData (pg_control.h) where int64 is aligned to 8 bytes, which is so on
// every 64-bit platform and on wasm32.
const (
	offSystemIdentifier = 0
	offControlVersion   = 8
	offCatalogVersion   = 12
	offState            = 16
	offMaxAlign         = 204
	offFloatFormat      = 208
	offBlckSz           = 216
	offRelsegSize       = 220
	offXlogBlckSz       = 224
	offXlogSegSize      = 228
	offNameDataLen      = 232
	offIndexMaxKeys     = 236
	offToastChunk       = 240
	offLoBlkSize        = 244
	offFloat8ByVal      = 248
	offChecksums        = 252
	offCharSigned       = 256
	offCRC              = 292

	// offFloatFormat386 is where floatFormat stands if int64 is aligned to 4 bytes: 32-bit x86.
	offFloatFormat386 = 192
)

// Control is what the checks need of pg_control.
type Control struct {
	SystemIdentifier uint64
	State            uint32 // enum DBState
	WALSegmentSize   uint32 // bytes
	Checksums        uint32 // version of the data checksums; 0: off
	CharSigned       bool   // default_char_signedness
}

// A MismatchError says that a control file was written by a PostgreSQL whose files this one cannot use.
type MismatchError struct {
	What string // which property, in a reader's words
	Got  string
	Want string
	// Narrow is true for clusters of 32-bit programs, PGlite's among them.
	Narrow bool
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is %s, this server needs %s", e.What, e.Got, e.Want)
}

var errControlCorrupt = errors.New("the control file global/pg_control is damaged")

// ParseControl reads the contents of global/pg_control and checks that this server can use the
// cluster. A *MismatchError says what differs.
func ParseControl(b []byte) (Control, error) {
	var c Control
	if len(b) < controlFileMinSize {
		return c, fmt.Errorf("%w: %d bytes", errControlCorrupt, len(b))
	}
	le := binary.LittleEndian
	u32 := func(off int) uint32 { return le.Uint32(b[off:]) }

	// ReadControlFile in src/backend/access/transam/xlog.c makes the same checks in the same order.
	version := u32(offControlVersion)
	if version == 0 {
		return c, fmt.Errorf("%w: it has no version", errControlCorrupt)
	}
	if version%65536 == 0 {
		return c, &MismatchError{What: "the byte order", Got: "big-endian", Want: "little-endian"}
	}
	if version != pgControlVersion {
		return c, &MismatchError{What: "the control file's version", Got: fmt.Sprint(version), Want: fmt.Sprint(pgControlVersion)}
	}
	if math.Float64frombits(le.Uint64(b[offFloatFormat:])) != floatFormatValue {
		if math.Float64frombits(le.Uint64(b[offFloatFormat386:])) == floatFormatValue {
			return c, &MismatchError{What: "the alignment of 8-byte values", Got: "4 (a 32-bit cluster)", Want: "8", Narrow: true}
		}
		return c, errControlCorrupt
	}
	if crc := crc32.Checksum(b[:offCRC], crc32.MakeTable(crc32.Castagnoli)); crc != u32(offCRC) {
		return c, fmt.Errorf("%w: its checksum does not match", errControlCorrupt)
	}
	for _, w := range []struct {
		what string
		off  int
		want uint32
	}{
		{"the catalog's version", offCatalogVersion, catalogVersionNo},
		{"the maximum alignment", offMaxAlign, maximumAlignof},
		{"the block size", offBlckSz, blckSz},
		{"the blocks per segment", offRelsegSize, relsegSize},
		{"the WAL block size", offXlogBlckSz, xlogBlckSz},
		{"the length of names", offNameDataLen, nameDataLen},
		{"the columns per index", offIndexMaxKeys, indexMaxKeys},
	} {
		if got := u32(w.off); got != w.want {
			return c, &MismatchError{What: w.what, Got: fmt.Sprint(got), Want: fmt.Sprint(w.want), Narrow: w.off == offMaxAlign}
		}
	}
	if b[offFloat8ByVal] != 1 {
		return c, &MismatchError{What: "the width of a datum", Got: "4 bytes (a 32-bit or PGlite cluster)", Want: "8 bytes", Narrow: true}
	}
	// These two follow from the width of a datum, so a 32-bit cluster is named as such before.
	if got := u32(offToastChunk); got != toastMaxChunkSize {
		return c, &MismatchError{What: "the size of TOAST chunks", Got: fmt.Sprint(got), Want: fmt.Sprint(toastMaxChunkSize)}
	}
	if got := u32(offLoBlkSize); got != loBlkSize {
		return c, &MismatchError{What: "the size of large-object chunks", Got: fmt.Sprint(got), Want: fmt.Sprint(loBlkSize)}
	}
	c.SystemIdentifier = le.Uint64(b[offSystemIdentifier:])
	c.State = u32(offState)
	c.WALSegmentSize = u32(offXlogSegSize)
	c.Checksums = u32(offChecksums)
	c.CharSigned = b[offCharSigned] == 1
	return c, nil
}

// System returns the system identifier of the cluster, which every copy of it shares.
func (c *Cluster) System() (uint64, error) {
	raw, err := os.ReadFile(filepath.Join(c.dir, "global", "pg_control"))
	if err != nil {
		return 0, err
	}
	control, err := ParseControl(raw)
	return control.SystemIdentifier, err
}
