package cluster

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"time"
)

// Identity is what tells one new cluster from another.
type Identity struct {
	System   uint64   // the system identifier
	Nonce    [32]byte // of the answers to logins of users that do not exist (mock_authentication_nonce)
	At       int64    // when it was made: seconds since 1970
	Password string   // the superuser's
	Salt     [16]byte // of the password's verifier
}

// NewIdentity returns one that nothing else has. The system identifier is made as BootStrapXLOG does: of
// the time and the process's number.
func NewIdentity(password string) Identity {
	now := time.Now()
	id := Identity{
		System: uint64(now.Unix())<<32 | uint64(now.Nanosecond()/1000)<<12 | uint64(os.Getpid())&0xfff,
		At:     now.Unix(), Password: password,
	}
	rand.Read(id.Nonce[:])
	rand.Read(id.Salt[:])
	return id
}

// Where things are, beside those of control.go. In struct ControlFileData:
const (
	offTime       = 24
	offCheckPoint = 40 // checkPointCopy
	offNonce      = 257
)

// Within struct CheckPoint, and its size:
const (
	offCheckPointTime = 64
	checkPointSize    = 88
)

// In a segment's first page: XLogLongPageHeaderData, then the first record, whose data has a header of two
// bytes (XLogRecord, XLogRecordDataHeaderShort).
const (
	offPageSystem   = 24
	offRecord       = 40
	offRecordCRC    = offRecord + 20
	offRecordRest   = offRecord + 24
	offRecordData   = offRecordRest + 2
	endOfRecord     = offRecordData + checkPointSize
	offPageChecksum = 8 // in PageHeaderData
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Identify gives the cluster an identity: in the control file, in the write-ahead log, which holds one
// checkpoint, and in the superuser's row of pg_authid. It fails if initdb's files are not as expected.
func (s *Seed) Identify(id Identity) error {
	control, err := s.edit("global/pg_control")
	if err != nil {
		return err
	}
	if _, err := ParseControl(control); err != nil {
		return err
	}
	le := binary.LittleEndian
	le.PutUint64(control[offSystemIdentifier:], id.System)
	le.PutUint64(control[offTime:], uint64(id.At))
	le.PutUint64(control[offCheckPoint+offCheckPointTime:], uint64(id.At))
	copy(control[offNonce:], id.Nonce[:])
	le.PutUint32(control[offCRC:], crc32.Checksum(control[:offCRC], castagnoli))
	if err := s.identifyLog(id, control[offCheckPoint:offCheckPoint+checkPointSize]); err != nil {
		return err
	}
	return s.setPassword(id)
}

// identifyLog changes the first page of the write-ahead log as WriteEmptyXLOG of pg_resetwal.c writes it.
func (s *Seed) identifyLog(id Identity, checkPoint []byte) error {
	i := slices.IndexFunc(s.files.List, func(f File) bool { return bytes.HasPrefix([]byte(f.Name), []byte("pg_wal/0000")) })
	if i < 0 {
		return fmt.Errorf("%w: it has no write-ahead log", errSeed)
	}
	page, err := s.edit(s.files.List[i].Name)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	const shortData = 255 // XLR_BLOCK_ID_DATA_SHORT
	if le.Uint32(page[offRecord:]) != endOfRecord-offRecord || page[offRecordRest] != shortData || page[offRecordRest+1] != checkPointSize {
		return fmt.Errorf("%w: its write-ahead log does not begin with a checkpoint", errSeed)
	}
	le.PutUint64(page[offPageSystem:], id.System)
	copy(page[offRecordData:], checkPoint)
	crc := crc32.Update(0, castagnoli, page[offRecordRest:endOfRecord])
	le.PutUint32(page[offRecordCRC:], crc32.Update(crc, castagnoli, page[offRecord:offRecordCRC]))
	return nil
}

// setPassword puts the password's verifier in the place of the one in pg_authid: all are equally long.
func (s *Seed) setPassword(id Identity) error {
	const authid = "global/1260" // pg_authid's file in a new cluster: by its OID
	page, err := s.edit(authid)
	if err != nil {
		return err
	}
	verifier := scramVerifier(id.Password, id.Salt[:])
	at := bytes.Index(page, []byte(verifier[:len(scramPrefix)]))
	if at < 0 || len(page) != blckSz || bytes.Count(page, []byte(scramPrefix)) != 1 {
		return fmt.Errorf("%w: %s is not as it was expected", errSeed, authid)
	}
	copy(page[at:], verifier)
	binary.LittleEndian.PutUint16(page[offPageChecksum:], pageChecksum(page, 0))
	return nil
}

// edit returns a copy of a file's contents that is the file's from now on.
func (s *Seed) edit(name string) ([]byte, error) {
	for i := range s.files.List {
		if f := &s.files.List[i]; f.Name == name && len(f.Data) >= controlFileMinSize {
			f.Data = bytes.Clone(f.Data)
			return f.Data, nil
		}
	}
	return nil, fmt.Errorf("%w: it has no %s", errSeed, name)
}

// The verifier of a password for SCRAM-SHA-256 as PostgreSQL keeps it: scram_build_secret of
// scram-common.c, with the default of scram_iterations.
const (
	scramIterations = 4096
	scramPrefix     = "SCRAM-SHA-256$4096:"
)

func scramVerifier(password string, salt []byte) string {
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		panic(err) // of parameters that are constant
	}
	sign := func(text string) []byte {
		m := hmac.New(sha256.New, salted)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	stored := sha256.Sum256(sign("Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return scramPrefix + encode(salt) + "$" + encode(stored[:]) + ":" + encode(sign("Server Key"))
}

// pageChecksum is pg_checksum_page of checksum_impl.h: 32 FNV-1a hashes side by side.
func pageChecksum(page []byte, block uint32) uint16 {
	sums := [32]uint32{
		0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
		0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
		0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
		0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
	}
	mix := func(sum *uint32, value uint32) {
		x := *sum ^ value
		*sum = x*16777619 ^ x>>17
	}
	own := bytes.Clone(page)
	own[offPageChecksum], own[offPageChecksum+1] = 0, 0
	for at := 0; at < len(own); at += 4 * len(sums) {
		for j := range sums {
			mix(&sums[j], binary.LittleEndian.Uint32(own[at+4*j:]))
		}
	}
	result := block
	for j := range sums {
		mix(&sums[j], 0)
		mix(&sums[j], 0)
		result ^= sums[j]
	}
	return uint16(result%65535 + 1)
}
