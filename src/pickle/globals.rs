//! The functions and classes that a table's pickle may name. None is ever called: each is a mark for the readers.

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `DataFrame()` with a dictionary of state.
    DataFrame,
    /// `BlockManager()` with a tuple of state, or `BlockManager(blocks, axes)`.
    BlockManager,
    /// `new_block(values, placement, dimensions)`
    Block,
    /// `partial(new_block)`, with the number of dimensions as its state: what pandas 1.3 makes a block with.
    Partial,
    /// `_new_Index(class, dictionary)`
    NewIndex,
    /// A class of index that holds an array.
    Index,
    /// The class of index that counts.
    RangeIndex,
    /// `_reconstruct(ndarray, shape, type)` with a tuple of state.
    Reconstruct,
    /// `_frombuffer(bytes, dtype, shape, order)`
    FromBuffer,
    /// `scalar(dtype, bytes)`
    Scalar,
    /// The class of arrays.
    NdArray,
    /// `dtype(name, align, copy)` with a tuple of state.
    Dtype,
    /// `encode(text, "latin1")`: bytes in protocol 2.
    Encode,
    /// `bytes()`: no bytes in protocol 2.
    Bytes,
    /// `slice(start, stop, step)`
    Slice,
    /// `__pyx_unpickle_NDArrayBacked(class, number, None)` with a tuple (dtype, array) of state: text columns of pandas 3.
    ArrayBacked,
    /// Class or type of such a column.
    Strings,
    /// The class of text columns of pandas 3 beside pyarrow, with a dictionary of state.
    ArrowStrings,
    /// `_restore_array((type, length, nulls, offset, buffers, children, dictionary))` of pyarrow.
    RestoreArray,
    /// `type_for_alias(name)` of pyarrow.
    TypeForAlias,
    /// `py_buffer(bytes)` of pyarrow.
    PyBuffer,
    /// `bytearray(bytes)`, or `bytearray()` for none: before protocol 5.
    ByteArray,
}

/// Module, name and meaning; older and newer homes of the same thing side by side.
const KNOWN: &[(&str, &str, Global)] = &[
    ("pandas.core.frame", "DataFrame", Global::DataFrame),
    ("pandas", "DataFrame", Global::DataFrame),
    ("pandas.core.internals", "BlockManager", Global::BlockManager),
    ("pandas.core.internals.managers", "BlockManager", Global::BlockManager),
    ("pandas.core.internals.blocks", "new_block", Global::Block),
    ("pandas._libs.internals", "_unpickle_block", Global::Block),
    ("functools", "partial", Global::Partial),
    ("pandas.core.indexes.base", "_new_Index", Global::NewIndex),
    ("pandas.core.indexes.base", "Index", Global::Index),
    ("pandas.core.indexes.numeric", "Int64Index", Global::Index),
    ("pandas.core.indexes.numeric", "UInt64Index", Global::Index),
    ("pandas.core.indexes.numeric", "Float64Index", Global::Index),
    ("pandas", "Index", Global::Index),
    ("pandas.core.indexes.range", "RangeIndex", Global::RangeIndex),
    ("pandas", "RangeIndex", Global::RangeIndex),
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked", Global::ArrayBacked),
    ("pandas.arrays", "StringArray", Global::Strings),
    ("pandas", "StringDtype", Global::Strings),
    ("pandas.arrays", "ArrowStringArray", Global::ArrowStrings),
    ("pyarrow.lib", "_restore_array", Global::RestoreArray),
    ("pyarrow.lib", "type_for_alias", Global::TypeForAlias),
    ("pyarrow.lib", "py_buffer", Global::PyBuffer),
    ("builtins", "bytearray", Global::ByteArray),
    ("__builtin__", "bytearray", Global::ByteArray),
    ("numpy.core.multiarray", "_reconstruct", Global::Reconstruct),
    ("numpy._core.multiarray", "_reconstruct", Global::Reconstruct),
    ("numpy.core.multiarray", "scalar", Global::Scalar),
    ("numpy._core.multiarray", "scalar", Global::Scalar),
    ("numpy.core.numeric", "_frombuffer", Global::FromBuffer),
    ("numpy._core.numeric", "_frombuffer", Global::FromBuffer),
    ("numpy", "ndarray", Global::NdArray),
    ("numpy", "dtype", Global::Dtype),
    ("_codecs", "encode", Global::Encode),
    ("builtins", "bytes", Global::Bytes),
    ("__builtin__", "bytes", Global::Bytes),
    ("builtins", "slice", Global::Slice),
    ("__builtin__", "slice", Global::Slice),
];

/// What `module.name` stands for.
pub(super) fn find(module: &str, name: &str) -> Result<Global, String> {
    KNOWN.iter().find(|known| (known.0, known.1) == (module, name)).map(|known| known.2).ok_or_else(|| {
        let short = |text: &str| text.chars().take(80).collect::<String>().escape_debug().to_string();
        format!("names {}.{}, which no table is made of; expected only tables of pandas and numpy", short(module), short(name))
    })
}

/// The dotted name, for messages.
pub(super) fn name(global: Global) -> String {
    KNOWN.iter().find(|known| known.2 == global).map_or_else(String::new, |known| format!("{}.{}", known.0, known.1))
}
