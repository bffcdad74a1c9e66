use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use simacan_auth::StoreFailure;

/// The reason why the file could not be used. It names the path and what to do, and holds nothing of the session (I9).
///
/// It prints its cause, so it has no source. A [`StoreFailure::Denied`] or [`StoreFailure::Other`] holds it
/// ([`ErrorCause::get_ref`](simacan_auth::ErrorCause::get_ref)).
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name that was given can't be that of a folder.
    #[error("{name:?} can't be the name of a folder: give the program's name, without slashes")]
    InvalidName {
        /// The name that was given.
        name: String,
    },
    /// The user has no home folder, in which the platform keeps a program's state.
    #[error(
        "this user has no home folder to save a session in: set HOME, or choose a path \
         (FileStore::new)"
    )]
    NoHome,
    /// The system could not do something to a file or folder.
    #[error("can't {action} {path}: {cause}. {}", advice(.cause.kind()), path = .path.display())]
    Io {
        /// What was to be done: `open`, `lock`, `write` and the like.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The path leads to something other than a regular file. It is neither followed nor replaced.
    #[error(
        "{path} is {found}, not a regular file: move it away, or choose another path",
        path = .path.display()
    )]
    NotAFile {
        /// The path of the session or of its lock file.
        path: PathBuf,
        /// What is there, in words.
        found: &'static str,
    },
    /// Other users may read or write the session or its lock file, so neither is used.
    #[error(
        "other users may read or write {paths} (mode {mode:03o}): if none of them can have read the \
         session, `chmod 600 {paths}`, else delete it. {}",
        lasting_mode(*.group),
        paths = .paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
    )]
    Exposed {
        /// The paths of the session, its lock file, or both.
        paths: Vec<PathBuf>,
        /// The permissions of the first path.
        mode: u32,
        /// The number of the group, if the others are the members of one group alone.
        group: Option<u32>,
    },
    /// The file system does not keep a file's time as exactly as the store's mark needs.
    #[error(
        "the file system of {path} does not keep fractions of a second, so no mark can be set there: \
         mend what keeps the session from being saved, or choose a path on another file system",
        path = .path.display()
    )]
    MarkNotKept {
        /// The file whose time was set.
        path: PathBuf,
    },
    /// The file belongs to another user, or this process runs as another user than before.
    #[error(
        "{path} belongs to user {owner}, and this process runs as user {user}: run it as that user, or \
         choose another path",
        path = .path.display()
    )]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// The number of the user whose file it is.
        owner: u32,
        /// The number of the user whose process this is.
        user: u32,
    },
}

/// The text of `Display`: what a `main` prints that returns this error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io {
            action,
            path,
            cause,
        }
    }

    /// Of what the system said.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Io { cause, .. } => Some(cause.kind()),
            _ => None,
        }
    }

    /// Whether the system does not allow it.
    pub(crate) fn is_denial(&self) -> bool {
        use ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        matches!(self.kind(), Some(PermissionDenied | ReadOnlyFilesystem))
    }

    /// One error names all that is to be done.
    pub(crate) fn and<T>(mut self, other: Result<T, Self>) -> Self {
        if let Self::Exposed { paths, group, .. } = &mut self
            && let Err(Self::Exposed {
                paths: others,
                group: of_others,
                ..
            }) = other
        {
            paths.extend(others);
            *group = group.filter(|_| *group == of_others);
        }
        self
    }
}

/// What only a person can mend is denied; the rest may be better in a minute.
impl From<Error> for StoreFailure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Io { .. } if !error.is_denial() => Self::new(error),
            _ => Self::denied(error),
        }
    }
}

/// What to do where a mode does not last.
fn lasting_mode(group: Option<u32>) -> String {
    match group {
        Some(group) => format!(
            "If the platform lets the group {group} in each time, allow it: \
             FileStore::allow_group({group})"
        ),
        None => "If the mode stays as it is, the mount sets it: mount it for this user alone \
                 (file_mode=0600), or choose another path"
            .to_owned(),
    }
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "Make room there, or choose another path"
        }
        ErrorKind::PermissionDenied => "Give this user the right to do so, or choose another path",
        ErrorKind::ReadOnlyFilesystem => "Mount it for writing, or choose another path",
        ErrorKind::Unsupported => "Choose a path on a local disk",
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            "Move away what is there, or choose another path"
        }
        _ => "Make that possible, or choose another path",
    }
}
