//! What the fuzz targets have found worth keeping, replayed without a fuzzer.
#![cfg(any(model, fuzzing))]

use std::fs;
use std::path::Path;

use simacan_auth_tests::fuzz::TARGETS;

#[test]
fn the_corpus_of_each_fuzz_target_holds() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, run) in TARGETS {
        let files = fs::read_dir(corpora.join(name)).expect("there is a corpus for each target");
        let mut n = 0;
        for file in files {
            let path = file.expect("it can be listed").path();
            println!("{name}: {}", path.display()); // shown if the next line panics
            run(&fs::read(&path).expect("it can be read"));
            n += 1;
        }
        assert!(n > 0, "no corpus for {name}");
        println!("{name}: {n} inputs");
    }
}
