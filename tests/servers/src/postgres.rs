use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Program;
use crate::program::{find, new_folder, text};

/// A PostgreSQL with a superuser `postgres` whose password is `postgres`.
#[derive(Debug)]
pub struct Postgres {
    /// Its process.
    pub program: Program,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// The folder of its data.
    pub data: PathBuf,
}

impl Postgres {
    /// With further settings: `["ssl=on"]`. `prepare` may put files into the folder of the data first.
    ///
    /// # Panics
    ///
    /// If it is installed and does not start.
    pub fn start(settings: &[&str], prepare: impl FnOnce(&Path)) -> Option<Self> {
        let debians = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let debians: Vec<PathBuf> = debians
            .filter_map(|version| Some(version.ok()?.path().join("bin")))
            .collect();
        let initdb = find("initdb", &debians)?;
        let postgres = find("postgres", &debians)?;

        let folder = new_folder("postgres");
        let password = folder.join("password");
        fs::write(&password, "postgres").expect("a file in the folder");
        let data = text(&folder.join("data"));
        let user = ServerUser::find(&folder);
        if let Some(user) = &user {
            user.owns(&folder);
            user.owns(&password);
        }
        let of_user = |words: &[&str]| -> Vec<String> {
            let prefix = user.as_ref().map(ServerUser::prefix).unwrap_or_default();
            let words = words.iter().map(|word| (*word).to_owned());
            prefix.into_iter().chain(words).collect()
        };

        let pwfile = format!("--pwfile={}", text(&password));
        let init = of_user(&[
            &text(&initdb),
            "--no-sync",
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            &pwfile,
            "-D",
            &data,
        ]);
        let made = Command::new(&init[0]).args(&init[1..]).output();
        let made = made.expect("initdb runs");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb: {said}");
        prepare(Path::new(&data));
        if let Some(user) = &user {
            for entry in fs::read_dir(&data).expect("the data") {
                user.owns(&entry.expect("a file").path());
            }
        }

        // QUIT: without a checkpoint, and without waiting for those who are connected.
        let (program, port) = Program::start(&folder, "QUIT", |port| {
            let port = port.to_string();
            let mut words = vec![text(&postgres), "-D".to_owned(), data.clone()];
            words.extend(["-p", &port, "-h", "127.0.0.1", "-k", ""].map(str::to_owned));
            for setting in settings {
                words.extend(["-c", setting].map(str::to_owned));
            }
            of_user(&words.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let data = data.into();
        Some(Self {
            program,
            port,
            data,
        })
    }

    /// `postgres://user:password@127.0.0.1:…/postgres`
    pub fn url(&self, user: &str, password: &str) -> String {
        format!(
            "postgres://{user}:{password}@127.0.0.1:{}/postgres",
            self.port
        )
    }
}

/// PostgreSQL does not run as root: whom it runs as instead.
struct ServerUser {
    name: &'static str,
    uid: String,
}

impl ServerUser {
    /// `None` if this is not root's process.
    fn find(made_by_us: &Path) -> Option<Self> {
        let is_root = fs::metadata(made_by_us).expect("the folder").uid() == 0;
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let user = |name: &'static str| {
            let mut users = users
                .lines()
                .map(|line| line.split(':').collect::<Vec<_>>());
            let user = users.find(|user| user[0] == name)?;
            let uid = (*user.get(2)?).to_owned();
            Some(Self { name, uid })
        };
        is_root.then(|| user("postgres").or_else(|| user("nobody")))?
    }

    fn owns(&self, path: &Path) {
        let uid = self.uid.parse().expect("a number");
        std::os::unix::fs::chown(path, Some(uid), None).expect("root may do that");
    }

    fn prefix(&self) -> Vec<String> {
        let words = ["setpriv", "--reuid", self.name, "--clear-groups", "--"];
        words.map(str::to_owned).to_vec()
    }
}
