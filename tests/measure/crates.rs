//! How many crates a program takes on with each package, on this platform.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

/// Procedural macros, and the core itself, are among them.
#[test]
fn the_core_is_at_most_24_crates() {
    let core = Tree::of("simacan-auth").crates();
    println!("{core:#?}");
    assert!(core.len() <= 24, "{}", core.len());
}

/// Beside values that each thread has.
#[test]
fn the_driver_adds_only_itself_to_the_core() {
    assert_adds_only_itself("simacan-auth-driver", ["simacan-auth", "thread_local"]);
}

/// The client's own tree, with the same features.
#[test]
fn an_adapter_adds_only_itself_to_its_client_and_the_driver() {
    assert_adds_only_itself("simacan-auth-ureq", ["ureq", "simacan-auth-driver"]);
    assert_adds_only_itself("simacan-auth-reqwest", ["reqwest", "simacan-auth-driver"]);
}

fn assert_adds_only_itself(package: &str, dependencies: [&str; 2]) {
    let tree = Tree::of(package);
    let mut all = tree.crates();
    println!("{package}: {} crates", all.len());
    for dependency in dependencies {
        let below = tree.below(dependency);
        println!("{dependency}: {}", below.len());
        all.retain(|name| !below.contains(name));
    }
    let added = Vec::from_iter(all);
    assert!(
        added.len() == 1 && added[0].starts_with(package),
        "{added:?}"
    );
}

/// Each crate once for each that asks for it, with its depth.
struct Tree(Vec<(usize, String)>);

impl Tree {
    fn of(package: &str) -> Self {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--package", package])
            .args(["--edges", "normal,build", "--no-dedupe"])
            .args(["--prefix", "depth", "--format", " {p}"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo is here");
        let report = String::from_utf8_lossy(&tree.stderr);
        assert!(tree.status.success(), "{report}");
        let lines = String::from_utf8(tree.stdout).expect("it is UTF-8");
        let lines = lines.lines().map(|line| {
            // `2 serde_derive v1.0.229 (proc-macro)`
            let words: Vec<_> = line.split(' ').take(3).collect();
            let depth = words[0].parse().expect("a number");
            (depth, words[1..].join(" "))
        });
        Self(lines.collect())
    }

    fn crates(&self) -> BTreeSet<String> {
        self.0.iter().map(|(_, name)| name.clone()).collect()
    }

    /// One of the dependencies, with its own.
    fn below(&self, dependency: &str) -> BTreeSet<String> {
        let is_it = |(depth, name): &&(usize, String)| {
            *depth == 1 && name.split(' ').next() == Some(dependency)
        };
        let mut from = self.0.iter().skip_while(|line| !is_it(line));
        let first = from.next().expect("it is a dependency");
        let rest = from.take_while(|(depth, _)| *depth > 1);
        std::iter::once(first)
            .chain(rest)
            .map(|(_, name)| name.clone())
            .collect()
    }
}
