//! The memory engine passes the suite.

use bonafide_store::MemoryEngine;
use bonafide_store::conformance::Place;

#[derive(Default)]
struct Memory;

impl Place for Memory {
    type Engine = MemoryEngine;

    fn open(&self) -> MemoryEngine {
        MemoryEngine::new()
    }
}

bonafide_store::conformance_suite!(Memory);
