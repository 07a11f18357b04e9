import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { renderProtocolDoc } from "../../../../scripts/protocol-doc.ts";

it("docs/PROTOCOL.md is what the declarations give: else run `npm run docs:protocol`", () => {
  const page = readFileSync(new URL("../../../../docs/PROTOCOL.md", import.meta.url), "utf8");
  expect(page).toBe(renderProtocolDoc());
});

it("every link within docs/PROTOCOL.md leads somewhere", () => {
  const page = renderProtocolDoc();
  const anchors = new Set(
    [...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      (title as string)
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
  const links = [...page.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor]) => anchor as string);
  expect(links.length).toBeGreaterThan(50);
  expect(links.filter((link) => !anchors.has(link))).toEqual([]);
});
