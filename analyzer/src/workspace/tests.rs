//! Manifests on disk, good and bad.
