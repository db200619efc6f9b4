//! The customers and contracts of the CRM, as a snapshot of a relational database leaves them: Parquet files.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::calendar::{Calendar, DAY};
use crate::random::Random;
use crate::visitors::{AGE_GROUPS, PREFECTURES, Population, Visitor};

const ROWS_PER_BATCH: u64 = 50_000;
const FAMILY_NAMES: [&str; 8] = ["佐藤", "鈴木", "髙橋", "田中", "伊藤", "渡邉", "山本", "中村"];
const GIVEN_NAMES: [&str; 8] = ["陽葵", "蓮", "凛", "湊", "さくら", "翔太", "結衣", "健一"];

/// Rows written to each file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CrmWritten {
    pub(crate) customers: u64,
    pub(crate) contracts: u64,
}

/// Writes `customers.parquet` and `contracts.parquet`: every visitor who is a member is a customer.
pub(crate) fn write(directory: &Path, seed: u64, population: &Population, calendar: &Calendar) -> Result<CrmWritten> {
    let mut customers = Table::new(directory.join("customers.parquet").as_path(), Compression::SNAPPY)?;
    let mut contracts = Table::new(
        directory.join("contracts.parquet").as_path(),
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
    )?;
    let mut written = CrmWritten::default();
    let mut first = 0;
    while first < population.size() {
        let end = (first + ROWS_PER_BATCH).min(population.size());
        let members: Vec<(u64, Visitor)> = (first..end)
            .map(|index| population.visitor(index))
            .filter_map(|visitor| Some((visitor.user_id?, visitor)))
            .collect();
        let batch = customer_batch(seed, &members, calendar)?;
        written.customers += batch.num_rows() as u64;
        customers.write(&batch)?;
        let batch = contract_batch(seed, &members, calendar)?;
        written.contracts += batch.num_rows() as u64;
        contracts.write(&batch)?;
        first = end;
    }
    customers.close()?;
    contracts.close()?;
    Ok(written)
}

/// A Parquet file whose columns are those of the first batch.
struct Table {
    file: Option<File>,
    compression: Compression,
    writer: Option<ArrowWriter<File>>,
}

impl Table {
    fn new(path: &Path, compression: Compression) -> Result<Self> {
        Ok(Self { file: Some(File::create(path)?), compression, writer: None })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if let Some(file) = self.file.take() {
            let properties = WriterProperties::builder().set_compression(self.compression).build();
            self.writer = Some(ArrowWriter::try_new(file, batch.schema(), Some(properties))?);
        }
        if let Some(writer) = &mut self.writer {
            writer.write(batch)?;
        }
        Ok(())
    }

    fn close(self) -> Result<()> {
        if let Some(writer) = self.writer {
            writer.close()?;
        }
        Ok(())
    }
}

fn customer_batch(seed: u64, members: &[(u64, Visitor)], calendar: &Calendar) -> Result<RecordBatch> {
    let mut names = Vec::with_capacity(members.len());
    let mut registered = Vec::with_capacity(members.len());
    for (user_id, _) in members {
        let mut random = Random::new(seed, 9, *user_id);
        names.push(format!("{} {}", random.pick(&FAMILY_NAMES), random.pick(&GIVEN_NAMES)));
        registered.push((calendar.start() - random.below(900 * DAY as u64) as i64) * 1000);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer_id", Arc::new(members.iter().map(|member| Some(member.0 as i64)).collect::<Int64Array>())),
        ("name", Arc::new(StringArray::from_iter_values(names))),
        (
            "email",
            Arc::new(StringArray::from_iter_values(
                members.iter().map(|member| format!("member{}@mail.example", member.0)),
            )),
        ),
        (
            "age_group",
            Arc::new(
                members.iter().map(|member| member.1.age_group.map(|place| AGE_GROUPS[place])).collect::<StringArray>(),
            ),
        ),
        ("gender", Arc::new(members.iter().map(|member| member.1.gender).collect::<StringArray>())),
        (
            "prefecture",
            Arc::new(StringArray::from_iter_values(members.iter().map(|member| PREFECTURES[member.1.prefecture].0))),
        ),
        ("registered_at", Arc::new(TimestampMicrosecondArray::from(registered))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))?)
}

/// Members of a paid plan have a contract; one in five of them changed from the other plan before.
fn contract_batch(seed: u64, members: &[(u64, Visitor)], calendar: &Calendar) -> Result<RecordBatch> {
    let mut contract_ids = Vec::new();
    let mut customer_ids = Vec::new();
    let mut plans = Vec::new();
    let mut fees: Vec<i128> = Vec::new();
    let mut started = Vec::new();
    let mut ended = Vec::new();
    let first_day = calendar.start().div_euclid(DAY) + 1;
    for (user_id, visitor) in members {
        let (plan, fee, other_plan, other_fee) = match visitor.plan {
            "standard" => ("standard", 48_000, "premium", 98_000),
            "premium" => ("premium", 98_000, "standard", 48_000),
            _ => continue,
        };
        let mut random = Random::new(seed, 10, *user_id);
        let start = first_day - random.between(30, 800) as i64;
        let mut contract = |number: u64, plan, fee, start: i64, end: Option<i64>| {
            contract_ids.push((user_id * 10 + number) as i64);
            customer_ids.push(*user_id as i64);
            plans.push(plan);
            fees.push(fee);
            started.push(start as i32);
            ended.push(end.map(|day| day as i32));
        };
        if random.chance(0.2) {
            let change = start + random.between(10, 30) as i64;
            contract(1, other_plan, other_fee, start, Some(change));
            contract(2, plan, fee, change + 1, None);
        } else {
            contract(1, plan, fee, start, None);
        }
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("contract_id", Arc::new(Int64Array::from(contract_ids))),
        ("customer_id", Arc::new(Int64Array::from(customer_ids))),
        ("plan", Arc::new(StringArray::from_iter_values(plans))),
        ("monthly_fee", Arc::new(Decimal128Array::from(fees).with_precision_and_scale(12, 2)?)),
        ("started_on", Arc::new(Date32Array::from(started))),
        ("ended_on", Arc::new(Date32Array::from(ended))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))?)
}
