#!/usr/bin/env bash
# parquet 60.1.0 (the Rust crate) beside polars 1.42.0 (its wheel for Linux, x86-64)
#
# The crate states for every column of floats that it is ordered as IEEE 754 says, an order that the format has only just got, and no property of the writer
# turns that off. Polars 1.42 takes the new word for a damaged file and reads nothing of it, integers and text included; Polars 2.1, pyarrow 26 and DuckDB 2.0
# read it. So an update of a writer's dependency shuts out readers that opened the same tables before.
#
# Seen on 2026-11-30 (a table of one column x of three floats):
#   polars 1.42.0: ComputeError: parquet: File out of specification: ColumnOrder union has no variant set
#   polars 2.1.0: [1.0, 2.0, 3.0]
#   pyarrow 26.0.1: [1.0, 2.0, 3.0]
#
# Needs cargo, and Python 3.11 with venv and pip. Exits 1 if Polars 1.42 reads the file, or the others do not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "write"
version = "0.1.0"
edition = "2021"

[dependencies]
parquet = { version = "=60.1.0", default-features = false }
TOML
cat > src/main.rs <<'RUST'
use std::{fs::File, sync::Arc};

use parquet::data_type::FloatType;
use parquet::file::{properties::WriterProperties, writer::SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schema = Arc::new(parse_message_type("message table { REQUIRED FLOAT x; }")?);
    let mut writer = SerializedFileWriter::new(File::create("table.parquet")?, schema, Arc::new(WriterProperties::builder().build()))?;
    let mut rows = writer.next_row_group()?;
    let mut column = rows.next_column()?.ok_or("no column")?;
    column.typed::<FloatType>().write_batch(&[1.0, 2.0, 3.0], None, None)?;
    column.close()?;
    rows.close()?;
    writer.close()?;
    Ok(())
}
RUST
CARGO_TARGET_DIR=target cargo run -q
python3 -m venv old && old/bin/pip -q install polars==1.42.0
python3 -m venv new && new/bin/pip -q install polars==2.1.0 pyarrow==26.0.1

cat > read.py <<'PYTHON'
import polars

try:
    print(f"polars {polars.__version__}: {polars.read_parquet('table.parquet')['x'].to_list()}")
except Exception as error:
    print(f"polars {polars.__version__}: {type(error).__name__}: {error}".splitlines()[0])
    raise SystemExit(3)
PYTHON
old=0 new=0
old/bin/python read.py || old=$?
new/bin/python read.py || new=$?
new/bin/python -c "import pyarrow, pyarrow.parquet as p; print(f'pyarrow {pyarrow.__version__}: ' + str(p.read_table('table.parquet')['x'].to_pylist()))"
[ "$old" = 3 ] && [ "$new" = 0 ]
