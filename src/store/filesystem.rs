//! Where a store lies, and how it can be kept there.
//!
//! SQLite relies on locks between processes, and in WAL mode on memory that they share. On one machine's own disks
//! both work. On file systems that several machines share the memory never does ("WAL does not work over a network
//! filesystem", <https://sqlite.org/wal.html>), and locks only on some of them ("How To Corrupt An SQLite Database
//! File", section 2, <https://sqlite.org/howtocorrupt.html>; "SQLite Over a Network",
//! <https://sqlite.org/useovernet.html>). `docs/results.md` has the table.

use std::path::{Path, PathBuf};

/// How a store can be kept in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// With a write-ahead log.
    Wal,
    /// With a rollback journal: locks work, shared memory does not.
    Rollback,
    /// Not at all, and why.
    Refused(String),
}

/// The file system that a path is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Its kind, as Linux calls it: `ext4`, `nfs4`, `fuse.sshfs` ...
    pub kind: String,
    /// Where it is mounted.
    pub point: PathBuf,
    /// What it was mounted with, separated by commas.
    pub options: String,
}

/// Shared by several machines, or with those that a virtual machine or container runs on; locks work.
const SHARED: [&str; 17] = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "gpfs", "lustre", "gfs2", "ocfs2", "orangefs", "pvfs2", "9p",
    "virtiofs", "vboxsf", "prl_fs", "hgfs",
];
/// Of those that other programs serve through FUSE, the ones whose locks do not reach the other machines, or that
/// keep whole objects, not files.
const FUSE_WITHOUT_LOCKS: [&str; 12] = [
    "sshfs",
    "s3fs",
    "rclone",
    "gcsfuse",
    "goofys",
    "blobfuse",
    "blobfuse2",
    "mount-s3",
    "mountpoint-s3",
    "curlftpfs",
    "davfs",
    "httpfs",
];
/// Whose locks are between the processes of one machine alone, and nothing tells.
const WITHOUT_LOCKS: [&str; 4] = ["afs", "beegfs", "ncpfs", "coda"];

/// The file system that `path` is on; `None` where the system does not tell.
pub(super) fn mount_of(path: &Path) -> Option<Mount> {
    // Tests say what is mounted.
    let table = std::env::var_os("ECGRAFT_MOUNTINFO").unwrap_or_else(|| "/proc/self/mountinfo".into());
    let path = path.canonicalize().ok()?;
    parse(&std::fs::read_to_string(table).ok()?, &path)
}

/// The file system that the absolute `path` is on, by the lines of `/proc/self/mountinfo` (proc(5)): the one mounted
/// closest above it, of several in one place the last.
pub(super) fn parse(mountinfo: &str, path: &Path) -> Option<Mount> {
    let mounts = mountinfo.lines().filter_map(mount).filter(|mount| path.starts_with(&mount.point));
    mounts.max_by_key(|mount| mount.point.components().count())
}

/// `36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue`
fn mount(line: &str) -> Option<Mount> {
    let (first, last) = line.split_once(" - ")?;
    let mut first = first.split(' ').skip(4);
    let (point, own) = (first.next()?, first.next()?);
    let mut last = last.split(' ');
    let (kind, options) = (last.next()?, last.nth(1).unwrap_or_default());
    Some(Mount { kind: kind.to_owned(), point: unescaped(point).into(), options: format!("{own},{options}") })
}

/// Spaces, tabs, line feeds and backslashes are written as three octal digits after a backslash.
fn unescaped(text: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    codes.iter().fold(text.to_owned(), |text, (code, character)| text.replace(code, character))
}

impl Mount {
    /// How a store can be kept there.
    pub fn keeping(&self) -> Keeping {
        let refused = |why: &str| Keeping::Refused(why.to_owned());
        let has = |option: &str| self.options.split(',').any(|own| own == option);
        match self.kind.as_str() {
            "nfs" | "nfs4" if ["nolock", "local_lock=all", "local_lock=posix"].iter().any(|option| has(option)) => {
                refused("it is mounted so that locks stay on this machine (nolock or local_lock)")
            }
            "cifs" | "smb3" | "smbfs" if has("nobrl") => {
                refused("it is mounted so that locks are not sent to the server (nobrl)")
            }
            "lustre" if !has("flock") => {
                refused("it is mounted without flock, so that machines do not see each other's locks")
            }
            kind if WITHOUT_LOCKS.contains(&kind) => refused("machines do not see each other's locks there"),
            kind if SHARED.contains(&kind) => Keeping::Rollback,
            kind => match kind.strip_prefix("fuse.") {
                Some(server) if FUSE_WITHOUT_LOCKS.contains(&server) => refused("locks do not work there"),
                Some(_) => Keeping::Rollback,
                None if kind == "fuse" => Keeping::Rollback,
                None => Keeping::Wal,
            },
        }
    }

    /// `nfs4, mounted at /home`
    pub fn describe(&self) -> String {
        format!("{}, mounted at {}", self.kind, self.point.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 22 0:26 / /proc rw,nosuid - proc proc rw
41 22 0:40 / /home rw,relatime shared:30 master:2 propagate_from:3 - nfs4 server:/home rw,vers=4.2,hard,proto=tcp
42 22 0:41 / /old rw - nfs server:/old rw,vers=3,nolock,addr=10.0.0.1
43 22 0:42 / /media/my\\040share rw - cifs //server/share rw,vers=3.1.1
44 41 0:43 / /home/me/remote rw,nosuid - fuse.sshfs me@host: rw,user_id=0
45 22 0:44 / /over rw - ext4 /dev/vdb rw
46 22 0:45 / /over rw - tmpfs tmpfs rw,size=1024k
47 22 0:46 / /scratch rw - lustre 10.0.0.2@tcp:/scratch rw,flock,lazystatfs
48 22 0:47 / /scratch2 rw - lustre 10.0.0.2@tcp:/scratch2 rw,localflock
a line that is not one
";

    #[test]
    fn the_closest_mount_above_a_path_is_found() {
        let kind = |path: &str| parse(MOUNTINFO, Path::new(path)).map(|mount| mount.kind);
        for (path, expected) in [
            ("/data/results", "ext4"),
            ("/home", "nfs4"),
            ("/home/me/results", "nfs4"),
            ("/homely/results", "ext4"),
            ("/home/me/remote/results", "fuse.sshfs"),
            ("/media/my share/results", "cifs"),
            ("/over/results", "tmpfs"),
        ] {
            assert_eq!(kind(path).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(parse("", Path::new("/")), None);
        let mount = parse(MOUNTINFO, Path::new("/home/x")).unwrap();
        assert_eq!(mount.describe(), "nfs4, mounted at /home");
    }

    #[test]
    fn stores_are_kept_where_locks_work_and_with_wal_where_memory_is_shared() {
        let keeping = |path: &str| parse(MOUNTINFO, Path::new(path)).unwrap().keeping();
        for (path, expected) in [
            ("/work", Keeping::Wal),
            ("/over", Keeping::Wal),
            ("/home", Keeping::Rollback),
            ("/media/my share", Keeping::Rollback),
            ("/scratch", Keeping::Rollback),
        ] {
            assert_eq!(keeping(path), expected, "{path}");
        }
        for path in ["/old", "/home/me/remote", "/scratch2"] {
            assert!(matches!(keeping(path), Keeping::Refused(_)), "{path}");
        }
        let of = |kind: &str, options: &str| {
            Mount { kind: kind.into(), point: "/".into(), options: options.into() }.keeping()
        };
        for kind in ["overlay", "xfs", "btrfs", "zfs", "fuseblk", "apfs", "unheard-of"] {
            assert_eq!(of(kind, "rw"), Keeping::Wal, "{kind}");
        }
        for kind in ["9p", "virtiofs", "gpfs", "ceph", "fuse.ceph-fuse", "fuse.glusterfs", "fuse", "fuse.unheard-of"] {
            assert_eq!(of(kind, "rw"), Keeping::Rollback, "{kind}");
        }
        for (kind, options) in
            [("afs", "rw"), ("beegfs", "rw"), ("fuse.s3fs", "rw"), ("cifs", "rw,nobrl"), ("nfs4", "rw,local_lock=all")]
        {
            assert!(matches!(of(kind, options), Keeping::Refused(_)), "{kind} {options}");
        }
    }
}
