//! The nesting of a value as it is written, so that nothing is stored that cannot be read back.

use crate::limits::ROW_LEVELS_MAX;
use serde_json::ser::Formatter;
use std::io::{Error, Write};

/// Writes JSON without blanks, and refuses what is nested too deeply.
#[derive(Default)]
pub(crate) struct Levels {
    /// Objects and arrays that have begun and not ended.
    open: usize,
}

impl Levels {
    fn begin(&mut self) -> Result<(), Error> {
        self.open += 1;
        if self.open > ROW_LEVELS_MAX { Err(Error::other("nested too deeply")) } else { Ok(()) }
    }
}

impl Formatter for Levels {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<(), Error> {
        self.begin()?;
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<(), Error> {
        self.open -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<(), Error> {
        self.begin()?;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<(), Error> {
        self.open -= 1;
        writer.write_all(b"}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde_json::{Value, json};

    fn written(value: &Value) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = Vec::new();
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Levels::default()))?;
        Ok(bytes)
    }

    #[test]
    fn what_is_written_can_be_read_back_and_one_level_more_cannot() {
        for wrap in [|value: Value| json!([value]), |value: Value| json!({ "a": value })] {
            let deep = (0..ROW_LEVELS_MAX).fold(json!([]), |value, at| if at == 0 { value } else { wrap(value) });
            let bytes = written(&deep).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), deep);
            let deeper = wrap(deep);
            assert!(written(&deeper).unwrap_err().is_io());
            assert!(serde_json::from_str::<Value>(&deeper.to_string()).is_err());
        }
    }

    #[test]
    fn levels_beside_one_another_are_one() {
        let wide: Value = (0..1_000).map(|_| json!([{}, {"a": []}])).collect();
        assert_eq!(written(&wide).unwrap(), wide.to_string().into_bytes());
    }
}
