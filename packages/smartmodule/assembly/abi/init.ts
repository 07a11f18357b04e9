/** init and look_back: they give an output only when they fail. */
import { failed, forgetFailure } from "../failure";
import { Params } from "../params";
import { handOutput, openCall, openSection, output, skimRecords, unreadable, writeFailedRecord, writeHint } from "./frame";
import { readParams } from "./input";
import { spend } from "./memory";

const INIT_UNREADABLE = -10;
const INIT_FAILED = -2;
const LOOK_BACK_UNREADABLE = -66;
const LOOK_BACK_FAILED = -99;
const NO_KIND = -1;

/** The parameters of an init, or null when they are unreadable. */
export function openInit(ptr: usize, size: i32, version: i32): Params | null {
  spend(ptr);
  output.size = 0;
  forgetFailure();
  const params = new Params();
  return readParams(ptr, size, version, params) ? params : null;
}

/** Ends an init: its result for the host. */
export function closeInit(): i32 {
  if (!failed) return 0;
  writeHint();
  handOutput();
  return INIT_FAILED;
}

/** The result of an init whose input is unreadable. */
export function refuseInit(): i32 {
  return INIT_UNREADABLE;
}

/** Begins a look_back; false when its input is unreadable. */
export function openLookBack(ptr: usize, size: i32, version: i32): bool {
  return openCall(ptr, size, version) && openSection();
}

/** Ends a look_back: its result for the host. */
export function closeLookBack(): i32 {
  if (unreadable) return LOOK_BACK_UNREADABLE;
  if (!failed) return 0;
  writeHint();
  writeFailedRecord(NO_KIND);
  skimRecords();
  if (unreadable) return LOOK_BACK_UNREADABLE;
  handOutput();
  return LOOK_BACK_FAILED;
}
