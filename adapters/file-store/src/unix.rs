//! What is told of a file on Unix.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::Error;

/// Follows no link, waits for no writer of a pipe, and is closed in the programs that this one starts
/// (that is the standard library's default).
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Whether it is this user's own, and nobody else's to read or write but the `group`'s.
pub(crate) fn check(metadata: &Metadata, path: &Path, group: Option<u32>) -> Result<(), Error> {
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    let mode = metadata.mode() & 0o777;
    let path = path.to_owned();
    if owner != user {
        return Err(Error::ForeignOwner { path, owner, user });
    }
    let to_others = mode & 0o007 != 0;
    let to_group = mode & 0o070 != 0 && group != Some(metadata.gid());
    if to_others || to_group {
        let paths = vec![path];
        let group = (!to_others).then_some(metadata.gid());
        return Err(Error::Exposed { paths, mode, group });
    }
    Ok(())
}

/// Whether the file is mounted by itself, and not with its folder.
pub(crate) fn is_mount(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
        use std::os::unix::ffi::OsStrExt;
        let path = path.as_os_str().as_bytes();
        let status = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
        status.is_ok_and(|status| status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path; // others have no such mounts
        false
    }
}

/// Whether the file that is open is still the one that is there.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let number = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => number(open) == number(there),
        _ => false,
    }
}

pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // Some file systems have no such thing, and each says so in its own way.
    const NONE: [Errno; 4] = [Errno::INVAL, Errno::BADF, Errno::NOSYS, Errno::OPNOTSUPP];
    let synced = File::open(path)?.sync_all();
    synced.or_else(|error| match error.raw_os_error() {
        Some(number) if NONE.contains(&Errno::from_raw_os_error(number)) => Ok(()),
        _ => Err(error),
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_file_system_that_syncs_no_folders_is_no_error() {
        let synced = File::open("/proc").and_then(|folder| folder.sync_all());
        assert_eq!(
            synced.map_err(|error| error.kind()),
            Err(ErrorKind::InvalidInput)
        );
        assert!(sync_folder(Path::new("/proc")).is_ok());
    }
}
