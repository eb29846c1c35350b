//! Columns of Parquet that are packed with Zstandard, as polars writes them, without the C library that the crate would build.
//!
//! Such a column is read as if it were not packed, and its pages are unpacked here:
//! <https://parquet.apache.org/docs/file-format/data-pages/>.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use ruzstd::decoding::StreamingDecoder;

/// Bytes of an unpacked page, at most: those that programs write have a megabyte.
const LARGEST: u64 = 1 << 28;

/// A file some of whose columns may be packed with Zstandard.
pub(super) struct Reader {
    reader: SerializedFileReader<File>,
    file: Arc<File>,
}

impl Reader {
    /// Of a file, and the same once more.
    ///
    /// # Errors
    /// Where columns are said to be where no file can have them: the crate panics there.
    pub fn new(reader: SerializedFileReader<File>, file: File) -> Result<Self> {
        let size = file.metadata()?.len();
        for column in reader.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns) {
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let end = start.checked_add(column.compressed_size());
            let is_within = start >= 0 && column.compressed_size() >= 0 && column.num_values() >= 0;
            if !is_within || end.is_none_or(|end| end.unsigned_abs() > size) {
                let name = column.column_path().string();
                return Err(ParquetError::General(format!(
                    "column `{name}` is said to be outside of the file; it is damaged"
                )));
            }
        }
        Ok(Self { reader, file: Arc::new(file) })
    }
}

impl FileReader for Reader {
    fn metadata(&self) -> &ParquetMetaData {
        self.reader.metadata()
    }

    fn num_row_groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    fn get_row_group(&self, place: usize) -> Result<Box<dyn RowGroupReader + '_>> {
        let reader = self.reader.get_row_group(place)?;
        Ok(Box::new(Group { reader, file: self.file.clone() }))
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_file(projection, self)
    }
}

/// Rows that are stored together.
struct Group<'r> {
    reader: Box<dyn RowGroupReader + 'r>,
    file: Arc<File>,
}

impl RowGroupReader for Group<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.reader.metadata()
    }

    fn num_columns(&self) -> usize {
        self.reader.num_columns()
    }

    fn get_column_page_reader(&self, place: usize) -> Result<Box<dyn PageReader>> {
        let group = self.metadata();
        let column = group.column(place);
        if !matches!(column.compression(), Compression::ZSTD(_)) {
            return self.reader.get_column_page_reader(place);
        }
        let plain = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let rows = usize::try_from(group.num_rows())?;
        Ok(Box::new(Pages(SerializedPageReader::new(self.file.clone(), &plain, rows, None)?)))
    }

    fn get_column_bloom_filter(&self, place: usize) -> Option<&Sbbf> {
        self.reader.get_column_bloom_filter(place)
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

/// The pages of a column, unpacked.
struct Pages(SerializedPageReader<File>);

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.0.get_next_page()?.map(unpacked).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// A page with its own bytes.
fn unpacked(mut page: Page) -> Result<Page> {
    let (packed, plain) = match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => (buf, 0),
        // The levels come before what is packed.
        Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed, .. } => {
            if !*is_compressed {
                return Ok(page);
            }
            (buf, *def_levels_byte_len as usize + *rep_levels_byte_len as usize)
        }
    };
    let faulty = |why: String| ParquetError::General(format!("a page packed with Zstandard is damaged: {why}"));
    let (levels, values) = packed.split_at_checked(plain).ok_or_else(|| faulty("it is cut off".into()))?;
    let mut bytes = levels.to_vec();
    // Where no value is known nothing is packed.
    if !values.is_empty() {
        let decoder = StreamingDecoder::new(values).map_err(|error| faulty(error.to_string()))?;
        decoder.take(LARGEST).read_to_end(&mut bytes).map_err(|error| faulty(error.to_string()))?;
    }
    *packed = bytes.into();
    Ok(page)
}
