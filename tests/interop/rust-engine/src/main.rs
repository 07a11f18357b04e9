//! Runs SmartModules in the engine of the original, the crate `fluvio-smartengine`.
//!
//! Each line of standard input is a job in JSON, each line written to file descriptor 3 its answer: standard output
//! belongs to the modules. Bytes are hexadecimal. Records travel as records sections (i32 count + records), which is
//! what the engine takes and gives.

mod hex;
mod job;

use std::fs::File;
use std::future::Future;
use std::hint::black_box;
use std::io::{BufRead, Write};
use std::os::fd::FromRawFd;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fluvio_protocol::link::smartmodule::{
    SmartModuleInitRuntimeError, SmartModuleLookbackRuntimeError, SmartModuleTransformRuntimeError,
};
use fluvio_protocol::record::Record;
use fluvio_protocol::{Decoder, Encoder};
use fluvio_smartengine::{
    SmartEngine, SmartModuleChainBuilder, SmartModuleChainInstance, SmartModuleConfig,
    SmartModuleInitialData,
};
use fluvio_smartmodule::dataplane::smartmodule::{
    Lookback, SmartModuleExtraParams, SmartModuleInput, SmartModuleOutput,
};

use hex::Hex;
use job::{Answer, Batch, Bench, Failure, Job, Output, RecordError, Run, Speed, Stage, Step};

const ANSWERS_FD: i32 = 3;
/// Calls before the clock starts: caches and the module's heap are warm then.
const WARM_UP_CALLS: usize = 20;

fn main() -> anyhow::Result<()> {
    // SAFETY: whoever starts the program opens it for the answers, and nothing else in here knows of it
    let mut answers = unsafe { File::from_raw_fd(ANSWERS_FD) };
    let engine = SmartEngine::new();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Job::Run(run) => answer_run(&engine, run),
            Job::Bench(bench) => answer_bench(&engine, bench),
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        answers.write_all(&line)?;
    }
    Ok(())
}

fn answer_run(engine: &SmartEngine, run: Run) -> Answer {
    let mut outputs = Vec::new();
    let failure = run_chain(engine, run, &mut outputs).err();
    Answer::Run { outputs, failure }
}

fn run_chain(engine: &SmartEngine, run: Run, outputs: &mut Vec<Output>) -> Result<(), Failure> {
    let mut chain = build(engine, &run.steps, run.version).map_err(|error| failed(Stage::Build, &error))?;
    if let Some(history) = &run.history {
        at_once(chain.look_back(|_| async { records_of(&history.0, run.version) }))
            .map_err(|error| failed(Stage::LookBack, &error))?;
    }
    for Batch { records, base_offset, base_timestamp_ms } in run.batches {
        let input = SmartModuleInput::new(records.0, base_offset, base_timestamp_ms);
        let output = chain
            .process(input)
            .and_then(|output| Ok(described(&output, section_of(&output, run.version)?)))
            .map_err(|error| failed(Stage::Process, &error))?;
        outputs.push(output);
    }
    Ok(())
}

/// Feeds the same batch again and again for a time, from one thread, as fast as the engine takes it.
fn answer_bench(engine: &SmartEngine, bench: Bench) -> Answer {
    match measure(engine, &bench) {
        Ok(speed) => Answer::Speed(speed),
        Err(error) => Answer::Failure(failed(Stage::Process, &error)),
    }
}

fn measure(engine: &SmartEngine, bench: &Bench) -> anyhow::Result<Speed> {
    let mut chain = build(engine, &bench.steps, bench.version)?;
    let Batch { records, base_offset, base_timestamp_ms } = &bench.batch;
    let mut call = || -> anyhow::Result<usize> {
        let input = SmartModuleInput::new(records.0.clone(), *base_offset, *base_timestamp_ms);
        let output = chain.process(input)?;
        if bench.encode {
            black_box(section_of(&output, bench.version)?);
        }
        Ok(output.successes.len())
    };
    for _ in 0..WARM_UP_CALLS {
        call()?;
    }
    let span = Duration::from_millis(bench.milliseconds);
    let (mut calls, mut records_out) = (0u64, 0u64);
    let start = Instant::now();
    while start.elapsed() < span {
        records_out += call()? as u64;
        calls += 1;
    }
    Ok(Speed { calls, records_out, seconds: start.elapsed().as_secs_f64() })
}

fn build(engine: &SmartEngine, steps: &[Step], version: i16) -> anyhow::Result<SmartModuleChainInstance> {
    let mut builder = SmartModuleChainBuilder::default();
    for step in steps {
        let lookback = step.lookback.as_ref().map(|lookback| Lookback {
            last: lookback.last,
            age: lookback.age_ms.map(Duration::from_millis),
        });
        let mut config = SmartModuleConfig::builder();
        config
            .smartmodule_names(vec![step.wasm.display().to_string()])
            .params(SmartModuleExtraParams::new(step.params.clone(), lookback.clone()))
            .lookback(lookback.as_ref().map(Into::into))
            .version(version);
        if let Some(accumulator) = &step.accumulator {
            config.initial_data(SmartModuleInitialData::with_aggregate(accumulator.0.clone()));
        }
        builder.add_smart_module(config.build()?, std::fs::read(&step.wasm)?);
    }
    builder.initialize(engine)
}

fn records_of(section: &[u8], version: i16) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    records.decode(&mut std::io::Cursor::new(section), version)?;
    Ok(records)
}

fn section_of(output: &SmartModuleOutput, version: i16) -> anyhow::Result<Vec<u8>> {
    let mut section = Vec::with_capacity(output.successes.write_size(version));
    output.successes.encode(&mut section, version)?;
    Ok(section)
}

fn described(output: &SmartModuleOutput, section: Vec<u8>) -> Output {
    Output { records: Hex(section), error: output.error.as_ref().map(transform_error) }
}

fn transform_error(error: &SmartModuleTransformRuntimeError) -> RecordError {
    RecordError {
        kind: Some(error.kind.to_string()),
        hint: error.hint.clone(),
        offset: Some(error.offset),
        key: error.record_key.as_ref().map(|key| Hex(key.to_vec())),
        value: Some(Hex(error.record_value.to_vec())),
    }
}

fn failed(stage: Stage, error: &anyhow::Error) -> Failure {
    let init = error.downcast_ref::<SmartModuleInitRuntimeError>().map(|error| RecordError {
        hint: error.hint.clone(),
        ..RecordError::default()
    });
    let look_back = error.downcast_ref::<SmartModuleLookbackRuntimeError>().map(|error| RecordError {
        kind: None,
        hint: error.hint.clone(),
        offset: Some(error.offset),
        key: error.record_key.as_ref().map(|key| Hex(key.to_vec())),
        value: Some(Hex(error.record_value.to_vec())),
    });
    Failure { stage, text: format!("{error:#}"), error: init.or(look_back) }
}

/// The result of a future that waits for nothing: history is at hand.
fn at_once<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(anyhow::anyhow!("the engine waits for something other than the history")),
    }
}
