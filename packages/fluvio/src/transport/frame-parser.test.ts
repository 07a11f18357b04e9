import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameParser } from "./frame-parser.ts";

function framed(bodies: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(body.length);
      return [length, body];
    }),
  );
}

function parse(chunks: readonly Uint8Array[], maxFrameBytes = 1000): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const parser = new FrameParser(maxFrameBytes, (frame) => frames.push(Uint8Array.from(frame)));
  for (const chunk of chunks) parser.push(chunk);
  expect(parser.isIdle).toBe(true);
  return frames;
}

describe("FrameParser", () => {
  it("gives the same frames at every split point", () => {
    const bodies = [
      new Uint8Array(0),
      Uint8Array.of(1),
      Uint8Array.of(1, 2, 3, 4, 5, 6, 7),
      new Uint8Array(300).fill(9),
    ];
    const bytes = framed(bodies);
    for (let i = 0; i <= bytes.length; i++) {
      expect(parse([bytes.subarray(0, i), bytes.subarray(i)])).toEqual(bodies);
    }
    expect(parse(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)))).toEqual(bodies);
  });

  it("gives the same frames however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }),
        fc.array(fc.nat({ max: 64 }), { minLength: 1 }),
        (bodies, sizes) => {
          const bytes = framed(bodies);
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = 1 + (sizes[i % sizes.length] as number);
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(parse(chunks)).toEqual(bodies.map((body) => Uint8Array.from(body)));
        },
      ),
    );
  });

  it("gives a frame that arrives whole as a view, without a copy", () => {
    const bytes = framed([Uint8Array.of(1, 2, 3)]);
    let frame: Uint8Array | undefined;
    new FrameParser(10, (given) => {
      frame = given;
    }).push(bytes);
    expect(frame?.buffer).toBe(bytes.buffer);
  });

  it("refuses a length above the limit or below 0 before allocating", () => {
    const push = (bytes: number[]) => () => new FrameParser(1000, () => {}).push(Uint8Array.from(bytes));
    expect(push([0x7f, 0xff, 0xff, 0xff])).toThrow(expect.objectContaining({ code: "FLV_FRAME_TOO_LARGE" }));
    expect(push([0, 0, 3, 0xe9])).toThrow(/1001 bytes is larger than 1000/);
    expect(push([0xff, 0xff, 0xff, 0xff])).toThrow(expect.objectContaining({ code: "FLV_DECODE" }));
  });
});
