//! Why there is nothing to analyse: data with a place and a remedy.

use std::fmt;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    /// What is wrong; lower case, no full stop.
    pub message: String,
    /// The manifest or directory it is about.
    pub place: Option<PathBuf>,
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    Usage,
    NoManifest,
    /// Cargo's own words are in the message.
    BrokenManifest,
    NotInWorkspace,
    EmptyWorkspace,
    CargoNotRunnable,
    /// Cargo said something that is no metadata.
    CargoAnswer,
    UnreadableDirectory,
    UnknownPackage,
    UnknownTarget,
    UnknownFeature,
    NothingSelected,
    /// Dependencies were asked for and are not on this machine.
    MissingDependencies,
}

impl Error {
    pub(super) fn new(
        kind: ErrorKind,
        message: impl Into<String>,
        place: Option<PathBuf>,
        remedy: impl Into<String>,
    ) -> Self {
        Error { kind, message: message.into(), place, remedy: remedy.into() }
    }

    /// An error about an unknown name; the remedy is the names that look like it.
    pub(super) fn near(kind: ErrorKind, message: String, place: Option<PathBuf>, near: &[&str]) -> Self {
        let remedy = match near {
            [] => "check the name".to_owned(),
            near => format!("did you mean {}?", near.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" or ")),
        };
        Error::new(kind, message, place, remedy)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(place) = &self.place {
            let place = place.display().to_string();
            if !self.message.contains(&place) {
                write!(f, " ({place})")?;
            }
        }
        write!(f, "; {}", self.remedy)
    }
}

impl std::error::Error for Error {}
