//! Writing a file that was read before, all of it or nothing.
//!
//! The new text goes to a file beside the old one, which then takes its name: whoever reads the name sees one text or
//! the other, and a full disk or a lost process leaves the old one.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that was left as it is.
#[derive(Debug)]
pub struct NotWritten {
    path: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// It holds something else than what was analysed.
    Changed,
    Io(io::Error),
}

impl std::fmt::Display for NotWritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.display();
        match &self.why {
            Why::Changed => write!(f, "`{path}` has changed since it was read, so it is left as it is; run again"),
            Why::Io(error) => write!(f, "cannot write `{path}`: {error}"),
        }
    }
}

impl std::error::Error for NotWritten {}

/// Replaces what a file holds, if it still holds `before`. Links are followed, permissions are kept.
pub fn write(path: &Path, before: &str, after: &str) -> Result<(), NotWritten> {
    let failed = |why| NotWritten { path: path.to_owned(), why };
    let real = fs::canonicalize(path).map_err(|e| failed(Why::Io(e)))?;
    let now = fs::read(&real).map_err(|e| failed(Why::Io(e)))?;
    if now != before.as_bytes() {
        return Err(failed(Why::Changed));
    }
    replace(&real, after).map_err(|e| failed(Why::Io(e)))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let permissions = fs::metadata(path)?.permissions();
    // Renaming needs leave to write the folder only; a file that is read-only is meant to stay as it is.
    if permissions.readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let (beside, mut file) = create_beside(path)?;
    let result = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::set_permissions(&beside, permissions))
        .and_then(|()| fs::rename(&beside, path));
    if result.is_err() {
        // What could not be finished is of no use to anybody; the first error is the one to tell.
        drop(fs::remove_file(&beside));
    }
    result
}

/// A new file in the same folder, so that renaming it does not cross file systems.
fn create_beside(path: &Path) -> io::Result<(PathBuf, fs::File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for attempt in 0..100 {
        let beside = path.with_file_name(format!(".{name}.{}.{attempt}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rs");
        fs::write(&path, "old").unwrap();
        write(&path, "old", "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_has_changed_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rs");
        fs::write(&path, "someone else's").unwrap();
        let error = write(&path, "old", "new").unwrap_err();
        assert!(error.to_string().contains("has changed since it was read"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "someone else's");
    }

    #[test]
    fn a_read_only_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rs");
        fs::write(&path, "old").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        assert!(write(&path, "old", "new").unwrap_err().to_string().contains("read-only"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("a.rs"), dir.path().join("b.rs"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a.rs", &link).unwrap();
        write(&link, "old", "new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
