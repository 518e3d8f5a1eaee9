//! One file from disk: located, told apart, checked and read.
//!
//! Everything that is no regular file is refused before it is opened, since opening a pipe can wait for ever.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use super::SourceFile;
use super::modules::Candidate;

/// What a file is on disk, whatever path led to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity(#[cfg(unix)] (u64, u64), #[cfg(not(unix))] PathBuf);

impl Identity {
    #[cfg(unix)]
    fn of(_: &Path, metadata: &Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        Ok(Identity((metadata.dev(), metadata.ino())))
    }

    #[cfg(not(unix))]
    fn of(path: &Path, _: &Metadata) -> io::Result<Self> {
        fs::canonicalize(path).map(Identity)
    }
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// None of the candidates exists.
    Missing,
    /// A symbolic link to nothing.
    Dangling(PathBuf),
    /// Not a regular file: what it is.
    NotAFile(PathBuf, &'static str),
    /// The length in bytes.
    TooLarge(PathBuf, u64),
    /// The offset of the first byte that is no UTF-8.
    NotUtf8(PathBuf, usize),
    SymlinkLoop(PathBuf),
    /// The system's words.
    Io(PathBuf, String),
}

/// A regular file, not yet opened.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) path: PathBuf,
    /// Which of the candidates it is.
    pub(super) candidate: usize,
    pub(super) identity: Identity,
    len: u64,
    /// Another candidate exists too.
    pub(super) rival: Option<PathBuf>,
}

/// The first of `candidates` that exists.
pub(super) fn locate(candidates: &[Candidate]) -> Result<Located, Failure> {
    for (n, candidate) in candidates.iter().enumerate() {
        let path = tidy(&candidate.path);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(failure(path, &error)),
        };
        if !metadata.is_file() {
            return Err(Failure::NotAFile(path, what_is(&metadata)));
        }
        let identity = Identity::of(&path, &metadata).map_err(|error| failure(path.clone(), &error))?;
        let rival = candidates[n + 1..].iter().find(|other| other.path.is_file()).map(|other| other.path.clone());
        return Ok(Located { path, candidate: n, identity, len: metadata.len(), rival });
    }
    let dangling = candidates.iter().find(|c| c.path.is_symlink());
    Err(dangling.map_or(Failure::Missing, |c| Failure::Dangling(c.path.clone())))
}

/// The text of a located file, byte order mark included.
pub(super) fn text(located: &Located, limit: u64) -> Result<String, Failure> {
    let path = &located.path;
    if located.len > limit {
        return Err(Failure::TooLarge(path.clone(), located.len));
    }
    let mut bytes = Vec::with_capacity(located.len as usize + 1);
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(failure(path.clone(), &error));
    }
    if bytes.len() as u64 > limit {
        return Err(Failure::TooLarge(path.clone(), bytes.len() as u64));
    }
    String::from_utf8(bytes).map_err(|error| Failure::NotUtf8(path.clone(), error.utf8_error().valid_up_to()))
}

/// Reads one file that a person named, outside of any plan; the error is a sentence with the path.
pub fn read(path: &Path) -> Result<SourceFile, String> {
    let candidate = Candidate { path: path.to_owned(), relative: None };
    let shown = path.to_string_lossy().into_owned();
    locate(&[candidate])
        .and_then(|located| text(&located, super::Options::default().max_bytes))
        .map(|text| SourceFile::new(path, shown.as_str(), text))
        .map_err(|failure| failure.message(&shown))
}

impl Failure {
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Failure::Missing => None,
            Failure::Dangling(path)
            | Failure::NotAFile(path, _)
            | Failure::TooLarge(path, _)
            | Failure::NotUtf8(path, _)
            | Failure::SymlinkLoop(path)
            | Failure::Io(path, _) => Some(path),
        }
    }

    /// What is wrong, `shown` being the file's name.
    pub(super) fn message(&self, shown: &str) -> String {
        match self {
            Failure::Missing => format!("`{shown}` does not exist"),
            Failure::Dangling(_) => format!("`{shown}` is a symbolic link to a file that does not exist"),
            Failure::NotAFile(_, what) => format!("`{shown}` is {what}, not a file"),
            Failure::TooLarge(_, len) => format!("`{shown}` has {len} bytes, more than is analysed"),
            Failure::NotUtf8(_, at) => format!("`{shown}` is not UTF-8: byte {at} is the first that is wrong"),
            Failure::SymlinkLoop(_) => format!("`{shown}` leads round in a loop of symbolic links"),
            Failure::Io(_, error) => format!("cannot read `{}`: {error}", shorten(shown)),
        }
    }
}

fn failure(path: PathBuf, error: &io::Error) -> Failure {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    // The kind has no stable name yet.
    if text.contains("symbolic links") {
        return Failure::SymlinkLoop(path);
    }
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    Failure::Io(path, text)
}

fn what_is(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() { "a directory" } else { "a pipe, a socket or a device" }
}

/// The middle of a path that is too long for the system is of no use to a reader.
fn shorten(path: &str) -> String {
    let count = path.chars().count();
    if count <= 300 {
        return path.to_owned();
    }
    let head: String = path.chars().take(100).collect();
    let tail: String = path.chars().skip(count - 40).collect();
    format!("{head}…{tail}")
}

/// Takes `.` and `..` out of a path where that leads to the same file.
fn tidy(path: &Path) -> PathBuf {
    if !path.components().any(|c| matches!(c, Component::CurDir | Component::ParentDir)) {
        return path.to_owned();
    }
    let clean = lexical(path);
    let (Ok(a), Ok(b)) = (fs::metadata(path), fs::metadata(&clean)) else { return path.to_owned() };
    match (Identity::of(path, &a), Identity::of(&clean, &b)) {
        (Ok(a), Ok(b)) if a == b => clean,
        _ => path.to_owned(),
    }
}

/// The path with `.` and `..` worked out as words, links disregarded.
pub(super) fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(clean.components().next_back(), Some(Component::Normal(_))) => {
                clean.pop();
            }
            Component::ParentDir if clean.has_root() => {}
            other => clean.push(other),
        }
    }
    clean
}
