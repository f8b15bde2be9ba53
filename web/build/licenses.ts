// The licences of what is built into the page, as one text file beside it.

import { readFileSync } from "node:fs";

export const PAGE_PACKAGES = ["wavesurfer.js", "@fontsource-variable/instrument-sans", "@fontsource/instrument-serif"];

const HEAD = `This page is part of Stapes, Copyright 2026 the Stapes authors, under the Apache License, Version 2.0.
`;

export const RECORDINGS = `
The recordings offered as samples are joined from recordings of the Free Spoken Digit Dataset by Zohar Jackson and
contributors (https://github.com/Jakobovski/free-spoken-digit-dataset), under CC BY-SA 4.0
(https://creativecommons.org/licenses/by-sa/4.0/).
`;

export function licences(root: string, packages: string[], recordings = ""): string {
  const texts = packages.map((name) => {
    const { version } = JSON.parse(readFileSync(`${root}/node_modules/${name}/package.json`, "utf8")) as {
      version: string;
    };
    const text = readFileSync(`${root}/node_modules/${name}/LICENSE`, "utf8").trim();
    return `${"-".repeat(100)}\n${name} ${version}\n\n${text}\n`;
  });
  return [`${HEAD}${recordings}\nBuilt into the page are:\n`, ...texts].join("\n");
}
