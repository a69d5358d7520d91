//! Which objects below a table's folder are data: one rule for counting, merging, comparing and reading.

/// Returns whether the object at `below`, a path from the folder of a table or partition, is a data file.
///
/// The rule is Spark's, of which Hive's is the stricter half: what begins with `.` or `_` is hidden with all that
/// lies below, but for `_name=value`, the folder of a partition. The marker of a folder, which ends with `/` or in
/// the older form with `_$folder$`, holds no data.
pub fn is_data(below: &[u8]) -> bool {
    let is_hidden = |name: &[u8]| match name.first() {
        None | Some(b'.') => true,
        Some(b'_') => !name.contains(&b'='),
        Some(_) => false,
    };
    !below.ends_with(b"_$folder$") && !below.split(|byte| *byte == b'/').any(is_hidden)
}

#[cfg(test)]
mod tests {
    use super::is_data;

    #[test]
    fn hidden_files_and_markers_are_no_data() {
        for path in ["part-0.parquet", "a_b/c.d", "d=1/part-0", "_d=1/part-0", "sub/p_"] {
            assert!(is_data(path.as_bytes()), "{path}");
        }
        for path in [
            "",
            "sub/",
            "d=1/",
            "d=1_$folder$",
            "_SUCCESS",
            ".part-0.crc",
            ".d=1/part-0",
            "_temporary/0/part-0.parquet",
            "d=1/_temporary/x",
            ".hive-staging_1/part-0",
            "_delta_log/0.json",
        ] {
            assert!(!is_data(path.as_bytes()), "{path}");
        }
    }
}
