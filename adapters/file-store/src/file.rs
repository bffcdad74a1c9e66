//! The files of a store, each a regular one, and this user's alone.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use simacan_auth::{InvalidSavedSession, StoreFailure, Zeroizing};

use crate::{Error, padding, system};

/// A session of a mebibyte with its padding; what is larger is not read.
const MOST: usize = (1 << 20) + padding::STEP;

/// The path of a companion.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Opens it if it is a regular file, and nobody's to read or write but this user's and the `group`'s.
pub(crate) fn open_private(
    options: &mut OpenOptions,
    path: &Path,
    group: Option<u32>,
) -> Result<File, Error> {
    let file = system::open(options, path).map_err(|error| {
        refuse_others(path)
            .err()
            .unwrap_or_else(|| Error::io("open", path)(error))
    })?;
    let metadata = file.metadata().map_err(Error::io("look at", path))?;
    refuse_other(metadata.file_type(), path)?;
    system::check(&metadata, path, group)?;
    Ok(file)
}

/// Refuses what is there if it is no regular file.
pub(crate) fn refuse_others(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => refuse_other(metadata.file_type(), path),
        Err(_) => Ok(()), // nothing, or nothing that could be opened or replaced
    }
}

fn refuse_other(kind: FileType, path: &Path) -> Result<(), Error> {
    let found = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_symlink() => "a symbolic link",
        () => "a pipe, a socket or a device",
    };
    let path = path.to_owned();
    Err(Error::NotAFile { path, found })
}

/// The session in the file; `None` if there is none.
pub(crate) fn read(
    path: &Path,
    group: Option<u32>,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
    let mut file = match open_private(OpenOptions::new().read(true), path, group) {
        Err(error) if error.kind() == Some(ErrorKind::NotFound) => return Ok(None),
        opened => opened?,
    };
    let length = file.metadata().map_err(Error::io("look at", path))?.len();
    let length = usize::try_from(length)
        .ok()
        .filter(|&length| length <= MOST);
    // At its final size: a buffer that grows leaves unwiped copies.
    let mut session = Zeroizing::new(vec![0; length.ok_or(InvalidSavedSession::TooLarge)?]);
    file.read_exact(&mut session)
        .map_err(Error::io("read", path))?;
    Ok(padding::strip(session))
}

/// Puts `session` in the place of what is at `path`, durably: all of it or nothing, unless no other file can
/// be put there.
pub(crate) fn save(path: &Path, session: &[u8], group: Option<u32>) -> Result<(), Error> {
    refuse_others(path)?;
    match replace(path, session, group) {
        Err(error) if spares_the_file(&error) && path.exists() => overwrite(path, session, group),
        replaced => replaced.and_then(|()| sync_parent(path)),
    }
}

/// Whether what is wrong with the folder or the disk may be no hindrance in the file itself.
fn spares_the_file(error: &Error) -> bool {
    use ErrorKind::{CrossesDevices, ExecutableFileBusy, ResourceBusy, Unsupported};
    use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let no_rename = [
        CrossesDevices,
        ExecutableFileBusy,
        ResourceBusy,
        Unsupported,
    ];
    let no_room = [FileTooLarge, QuotaExceeded, StorageFull];
    error.is_denial()
        || error
            .kind()
            .is_some_and(|kind| no_rename.contains(&kind) || no_room.contains(&kind))
}

fn replace(path: &Path, session: &[u8], group: Option<u32>) -> Result<(), Error> {
    // Under the lock nobody else uses it: it is what a killed process has left.
    let temporary = beside(path, ".tmp");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(Error::io("remove", &temporary)(error));
        }
        _ => {}
    }
    let replaced = create(&temporary, session, group)
        .and_then(|()| fs::rename(&temporary, path).map_err(Error::io("replace", path)));
    if replaced.is_err() {
        let _ = fs::remove_file(&temporary); // the first error says more than a second one
    }
    replaced
}

fn create(path: &Path, session: &[u8], group: Option<u32>) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    let mut file = open_private(options.write(true).create_new(true), path, group)?;
    file.write_all(&padding::pad(session, 0))
        .and_then(|()| file.sync_all())
        .map_err(Error::io("write", path))
}

/// Writes `session` over what is in the file, durably. Without room for it, what is there stays. A crash in
/// the middle leaves half of either.
pub(crate) fn overwrite(path: &Path, session: &[u8], group: Option<u32>) -> Result<(), Error> {
    let mut file = open_private(OpenOptions::new().write(true), path, group)?;
    let length = file.metadata().map_err(Error::io("look at", path))?.len();
    // No shorter than it was, so that its blocks stay its own.
    let least = usize::try_from(length).map_or(MOST, |length| length.min(MOST));
    let session = padding::pad(session, least);
    resize(&mut file, length, session.len() as u64)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(&session))
        .and_then(|()| file.sync_all())
        .map_err(Error::io("write", path))
}

/// What it adds is more of the padding that is there, and what it cuts off was too large for a session.
fn resize(file: &mut File, old: u64, new: u64) -> io::Result<()> {
    if new < old {
        return file.set_len(new);
    }
    if new == old {
        return Ok(());
    }
    let grown = file
        .seek(SeekFrom::End(0))
        .and_then(|_| io::copy(&mut io::repeat(b' ').take(new - old), file))
        .and_then(|_| file.sync_all());
    if grown.is_err() {
        let _ = file.set_len(old); // spaces at its end do no harm
    }
    grown
}

/// A rename or a new entry is durable only then.
fn sync_parent(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), |folder| {
        system::sync_folder(folder).map_err(Error::io("sync", folder))
    })
}

/// Makes the folder, and those above it, for this user alone. One that is there stays as it is.
pub(crate) fn create_folders(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folders(parent)?;
    }
    match system::create_folder(folder) {
        Err(_) if folder.is_dir() => {} // another process was faster
        created => created.map_err(Error::io("create the folder", folder))?,
    }
    sync_parent(folder)
}
