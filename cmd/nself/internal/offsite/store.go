package offsite

import (
	"context"
	"errors"
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"nself.org/embeddedpg/internal/fault"
)

// Config names a store.
type Config struct {
	URL       string // s3://bucket/prefix
	Endpoint  string // URL of the service; "": AWS's
	Region    string // "": the store is asked
	AccessKey string // "": those of AWS's own files
	SecretKey string
	Token     string // of temporary keys; "": none
}

// Store is a place in an object store. It is safe for concurrent use.
type Store struct {
	client *minio.Client
	url    string // for people
	bucket string
	prefix string // "" or ends with a slash
}

// awsEndpoint is what AWS's own clients use where no region is known.
const awsEndpoint = "https://s3.amazonaws.com"

// retries is how often a request is tried: the client waits longer before each.
const retries = 4

// Open makes a Store. Nothing is asked of the service yet.
func Open(c Config) (*Store, error) {
	bad := func(what, path string, err error, hint string) (*Store, error) {
		return nil, &fault.Error{Op: "use " + what, Path: path, Err: err, Hint: hint}
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return bad("the store", c.URL, errors.New("it is not a place in an object store"), "write s3://bucket/prefix")
	}
	if c.Endpoint == "" {
		c.Endpoint = awsEndpoint
	}
	e, err := url.Parse(c.Endpoint)
	if err != nil || e.Host == "" || e.Scheme != "https" && e.Scheme != "http" || strings.Trim(e.Path, "/") != "" {
		return bad("the endpoint", c.Endpoint, errors.New("it is not the address of a service"), "write https://host, or http://host:port on this machine")
	}
	keys := credentials.NewFileAWSCredentials("", "")
	if c.AccessKey != "" {
		keys = credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.Token)
	}
	client, err := minio.New(e.Host, &minio.Options{Creds: keys, Secure: e.Scheme == "https", Region: c.Region, MaxRetries: retries})
	if err != nil {
		return bad("the endpoint", c.Endpoint, err, "write https://host")
	}
	prefix := strings.Trim(path.Clean(u.Path), "/.")
	if prefix != "" {
		prefix += "/"
	}
	return &Store{client: client, url: c.URL, bucket: u.Host, prefix: prefix}, nil
}

// partSize is how much of an object is sent at once, and held in memory for that: 10,000 parts are 160 GB.
const partSize = 16 << 20

// put stores all that r has. A part that does not arrive as it was sent is refused by the store, by its checksum.
func (s *Store) put(ctx context.Context, key string, r io.Reader) error {
	_, err := s.client.PutObject(ctx, s.bucket, s.prefix+key, r, -1, minio.PutObjectOptions{PartSize: partSize, ContentType: "application/octet-stream"})
	return s.explain(ctx, "store", key, err)
}

// get reads an object.
func (s *Store) get(ctx context.Context, key string) (io.ReadCloser, error) {
	o, err := s.client.GetObject(ctx, s.bucket, s.prefix+key, minio.GetObjectOptions{})
	if err == nil {
		_, err = o.Stat() // asks for it; GetObject alone does not
	}
	if err != nil {
		return nil, s.explain(ctx, "read", key, err)
	}
	return o, nil
}

// object is what a list tells of one.
type object struct {
	key  string // without the store's prefix
	size int64
	at   time.Time
}

// list returns the objects whose keys begin with prefix.
func (s *Store) list(ctx context.Context, prefix string) ([]object, error) {
	var all []object
	for o := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, s.explain(ctx, "list", prefix, o.Err)
		}
		all = append(all, object{strings.TrimPrefix(o.Key, s.prefix), o.Size, o.LastModified})
	}
	return all, nil
}

func (s *Store) remove(ctx context.Context, key string) error {
	return s.explain(ctx, "remove", key, s.client.RemoveObject(ctx, s.bucket, s.prefix+key, minio.RemoveObjectOptions{}))
}

// ErrMissing says that there is no such object.
var ErrMissing = errors.New("it is not there")

// explain gives an error of the client the words that help.
func (s *Store) explain(ctx context.Context, op, key string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := &fault.Error{Op: op, Path: strings.TrimSuffix(s.url, "/") + "/" + key, Err: err}
	switch minio.ToErrorResponse(err).Code {
	case "NoSuchKey":
		e.Err = ErrMissing
	case "NoSuchBucket":
		e.Hint = "make the bucket " + s.bucket + ", or correct BACKUP_STORE"
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed":
		e.Hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to keys that may read, write, list and delete there; and AWS_REGION, if the store wants it"
	case "":
		e.Hint = "look whether the store can be reached; BACKUP_S3_ENDPOINT is its address. What was stored is as it was"
	}
	return e
}
