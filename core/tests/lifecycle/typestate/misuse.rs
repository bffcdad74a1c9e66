//! What must not compile, and what the compiler says to someone who tries.

/// The words are this compiler's; the doc-tests of the states hold for every compiler.
#[rustversion::attr(not(stable(1.95)), ignore = "other compilers have other words")]
#[test]
fn misuse_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
}
