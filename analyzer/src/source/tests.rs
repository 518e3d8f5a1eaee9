//! Trees of files on disk, good and bad.
