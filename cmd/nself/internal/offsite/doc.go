// Package offsite keeps backups in an object store that speaks S3, sealed with age.
//
// A backup is objects PREFIX/NAME/ID/0.age, 1.age ..., one for each of its files, and PREFIX/NAME/ID.age, its description. The
// description is written last, when the others were read back and are what was sent: an upload that ends before has none, and
// nothing takes it for a backup. What the store gives back is compared with the sums in the description, which nobody without
// the key can make.
package offsite
