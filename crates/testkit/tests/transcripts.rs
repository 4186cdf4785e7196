//! Every transcript, played. `TRANSCRIPTS=rewrite` writes into each what came: read the difference
//! before you keep it, for a transcript says what the documents say and not what the program does.

#![allow(clippy::disallowed_methods, reason = "the variable chooses between comparing and rewriting")]

use bonafide_testkit::transcript::run_all;
use std::path::Path;

#[test]
fn every_transcript_goes_as_it_is_written() {
    let root = std::env::var("TRANSCRIPTS_ROOT")
        .unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../../transcripts").to_owned());
    let rewrite = std::env::var("TRANSCRIPTS").is_ok_and(|mode| mode == "rewrite");
    let root = Path::new(&root).canonicalize().unwrap();
    let (count, problems) = run_all(&root, rewrite);
    assert!(count > 0, "there are no transcripts below {}", root.display());
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{} differences in {count} transcripts:\n\n{}", shown.len(), shown.join("\n\n"));
}
