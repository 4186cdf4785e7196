//! The bytes of a connection's requests: one reading, in whatever pieces they come.
#![no_main]

use bonafide_http::readers::have_one_reading;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = have_one_reading(bytes, bytes.len());
    for size in [1, 2, 7, 64] {
        assert_eq!(have_one_reading(bytes, size), whole, "in pieces of {size}");
    }
    if whole {
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(bytes, |end| &bytes[..end]);
        assert!(head.split(|byte| *byte == b'\n').rev().skip(1).all(|line| line.ends_with(b"\r")), "a bare line feed");
    }
});
