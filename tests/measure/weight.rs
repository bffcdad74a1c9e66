//! What each package weighs: crates, a clean build, and the smallest program, beside the bare clients. Prints
//! the table of `docs/speed.md`.
//!
//! ```text
//! cargo run -p simacan-auth-tests --example weight
//! ```
//!
//! Builds from nothing, in a folder of its own, with the versions of this workspace's `Cargo.lock`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs, io};

struct Program {
    name: &'static str,
    dependencies: &'static str,
    main: &'static str,
}

const PROGRAMS: [Program; 5] = [
    Program {
        name: "simacan-auth",
        dependencies: r#"
            simacan-auth = { path = "{root}/core" }
            http = "1""#,
        main: r#"
            use simacan_auth::{Authorization, Config, Credentials, Machine, Output, Provider, Timestamp};
            let mut args = std::env::args().skip(1);
            let mut arg = || args.next().unwrap_or_default();
            let (url, user, password) = (arg(), arg(), arg());
            let mut machine = Machine::new(Provider::simacan(), Credentials::new(user, password), Config::default());
            let mut request = http::Request::post(url).body(()).unwrap();
            loop {
                let now = Timestamp::from(std::time::SystemTime::now());
                let pending = Pending::new();
                if let Authorization::Ready(_) = machine.authorize(now, pending, &mut request) {
                    return println!("{request:?}");
                }
                if let Output::Transmit(transmit) = machine.poll(now) {
                    println!("{:?}", transmit.request);
                    machine.handle_response(now, transmit.exchange, http::Response::new(arg()));
                }
            }"#,
    },
    Program {
        name: "ureq",
        dependencies: r#"
            ureq = { version = "3", default-features = false, features = ["rustls"] }"#,
        main: r#"
            let mut args = std::env::args().skip(1);
            let mut arg = || args.next().unwrap_or_default();
            let request = ureq::post(arg()).header("authorization", format!("Bearer {}", arg()));
            println!("{:?}", request.send(arg()).map(|response| response.status()));"#,
    },
    Program {
        name: "simacan-auth-ureq",
        dependencies: r#"
            simacan-auth-ureq = { path = "{root}/adapters/ureq" }"#,
        main: r#"
            use simacan_auth_ureq::{Client, Credentials, Provider, ureq::http::Request};
            let mut args = std::env::args().skip(1);
            let mut arg = || args.next().unwrap_or_default();
            let client = Client::builder(Provider::simacan(), Credentials::new(arg(), arg())).build().unwrap();
            let request = Request::post(arg()).body(arg()).unwrap();
            println!("{:?}", client.send(request).map(|response| response.status()));"#,
    },
    Program {
        name: "reqwest",
        dependencies: r#"
            reqwest = { version = "0.13", default-features = false, features = ["rustls"] }
            tokio = { version = "1", default-features = false, features = ["net", "rt", "time"] }"#,
        main: r#"
            let mut args = std::env::args().skip(1);
            let mut arg = || args.next().unwrap_or_default();
            let request = reqwest::Client::new().post(arg()).bearer_auth(arg()).body(arg());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let response = runtime.block_on(request.send());
            println!("{:?}", response.map(|response| response.status()));"#,
    },
    Program {
        name: "simacan-auth-reqwest",
        dependencies: r#"
            simacan-auth-reqwest = { path = "{root}/adapters/reqwest" }
            tokio = { version = "1", default-features = false, features = ["net", "rt", "time"] }"#,
        main: r#"
            use simacan_auth_reqwest::{Client, Credentials, Provider};
            let mut args = std::env::args().skip(1);
            let mut arg = || args.next().unwrap_or_default();
            let client = Client::builder(Provider::simacan(), Credentials::new(arg(), arg())).build().unwrap();
            let request = client.post(arg()).body(arg());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let response = runtime.block_on(request.send());
            println!("{:?}", response.map(|response| response.status()));"#,
    },
];

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let place = env::temp_dir().join(format!("simacan-auth-weight-{}", std::process::id()));
    println!("| program over | crates | clean build | size | stripped |");
    println!("|---|---|---|---|---|");
    for program in PROGRAMS {
        let folder = place.join(program.name);
        write(&program, &folder, &root)?;
        let crates = crates(&folder)?;
        let began = Instant::now();
        cargo(&folder, &["build", "--release"])?;
        let seconds = began.elapsed().as_secs_f64();
        let binary = folder.join("target/release/smallest");
        let size = size(&binary)?;
        let stripped = match Command::new("strip").arg(&binary).status() {
            Ok(status) if status.success() => self::size(&binary)?,
            _ => "no `strip` here".to_owned(),
        };
        println!(
            "| `{}` | {crates} | {seconds:.0} s | {size} | {stripped} |",
            program.name
        );
    }
    fs::remove_dir_all(place)
}

fn write(program: &Program, folder: &Path, root: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("src"))?;
    let dependencies = program
        .dependencies
        .replace("{root}", &root.display().to_string());
    let manifest = format!(
        "[package]\nname = \"smallest\"\nedition = \"2024\"\n[workspace]\n[dependencies]{dependencies}\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(
        folder.join("src/main.rs"),
        format!("fn main() {{{}\n}}\n", program.main),
    )?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).map(drop)
}

/// Without the program itself. What it needs is on this computer then, before the clock runs.
fn crates(folder: &Path) -> io::Result<usize> {
    let tree = cargo(
        folder,
        &["tree", "--edges", "normal,build", "--prefix", "none"],
    )?;
    let name = |line: &str| line.split(' ').take(2).collect::<String>();
    let names: BTreeSet<_> = tree.lines().map(name).collect();
    Ok(names.len() - 1)
}

fn cargo(folder: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", PathBuf::from("target"))
        .stderr(Stdio::inherit())
        .output()?;
    assert!(output.status.success(), "cargo {arguments:?}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// In kibibytes.
fn size(binary: &Path) -> io::Result<String> {
    Ok(format!(
        "{} KiB",
        fs::metadata(binary)?.len().div_ceil(1024)
    ))
}
