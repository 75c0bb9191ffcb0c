//! Where the system cannot tell about changes, and how that is said. Others' changes on a network drive reach no watcher on
//! this machine, although watching seems to work there.

use std::path::Path;

use notify::ErrorKind;

/// Why a folder is looked at once a second instead of being watched; for people.
pub(super) fn reason(error: &notify::Error, folder: &Path) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => {
            "the system's limit of watched folders is reached; raise fs.inotify.max_user_watches".into()
        }
        ErrorKind::Io(error) if is_full(error) => {
            "the system's limit of watchers is reached; raise fs.inotify.max_user_instances".into()
        }
        _ => format!("{} cannot be watched: {error}", folder.display()),
    }
}

fn is_full(error: &std::io::Error) -> bool {
    // EMFILE, which Linux also answers when there are too many inotify instances.
    error.raw_os_error() == Some(24)
}

/// Whether the folder is on a drive whose changes may be made on another machine.
pub(super) fn is_remote(folder: &Path) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::fs::statfs(folder).is_ok_and(|found| {
        // From linux/magic.h and the sources of the file systems.
        const REMOTE: [u64; 11] = [
            0x6969,      // NFS
            0x517b,      // SMB
            0xff53_4d42, // CIFS
            0xfe53_4d42, // SMB 2
            0x0102_1997, // 9P: WSL, virtual machines
            0x6573_5546, // FUSE: sshfs, and whatever else is mounted so
            0x00c3_6400, // Ceph
            0x5346_414f, // AFS
            0x7375_7245, // Coda
            0x786f_4256, // VirtualBox shared folders
            0x7c7c_6673, // Parallels shared folders
        ];
        // The type is 32 bits wide, sign-extended on some machines.
        #[allow(clippy::unnecessary_cast, reason = "its width differs between machines")]
        let kind = found.f_type as u64 & 0xffff_ffff;
        REMOTE.contains(&kind)
    });
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        false
    }
}
