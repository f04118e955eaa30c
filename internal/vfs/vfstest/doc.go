// Package vfstest holds file systems that behave badly, for tests: [Faulty] fails the calls it is told to, [Quota] is a
// disk that fills up, [Recorder] and [Disk] are a disk that loses power.
//
// A [Recorder] keeps a journal of every change and every flush made through it. From the journal a [Disk] makes the
// directory tree as it could be found after the power went at any moment: what was flushed is there, of the rest as
// much and in as many pieces as a [Policy] wants.
//
// What a tree always holds, because PostgreSQL relies on it and file systems give it:
//
//   - after fsync or fdatasync of a file: its content and size as they were when the call was made;
//   - after fsync of a directory: its names as they were;
//   - after fsync of a file: the name it has, and the directories that lead to it. POSIX does not say so, but the
//     journals of ext4, XFS, Btrfs and APFS do; PostgreSQL flushes no directory when it creates a table's file;
//   - a rename happens or does not; a file is never lost between its old name and its new one;
//   - a sector of 512 bytes is written or not. pg_control relies on it (PG_CONTROL_MAX_SAFE_SIZE in
//     src/include/catalog/pg_control.h);
//   - bytes that were never written are zeros, never those of another file.
//
// What is no promise: sync_file_range, the order of writes to one file or to several, that a page of 8 KiB is
// written whole, that a file's size and its content come together, and names without a flush. After a flush that failed,
// what it should have flushed is lost, though reading still shows it and the next flush succeeds: so Linux does it, and so
// PostgreSQL must not try again but recover.
package vfstest
