// The licences of what is built into the page, as one text file beside it.

import { readFileSync } from "node:fs";

const PACKAGES = ["wavesurfer.js", "@fontsource-variable/instrument-sans", "@fontsource/instrument-serif"];

const HEAD = `This page is part of Stapes, Copyright 2026 the Stapes authors, under the Apache License, Version 2.0.

The recordings offered as samples are joined from recordings of the Free Spoken Digit Dataset by Zohar Jackson and
contributors (https://github.com/Jakobovski/free-spoken-digit-dataset), under CC BY-SA 4.0
(https://creativecommons.org/licenses/by-sa/4.0/).

Built into the page are:
`;

export function licences(root: string): string {
  const texts = PACKAGES.map((name) => {
    const { version } = JSON.parse(readFileSync(`${root}/node_modules/${name}/package.json`, "utf8")) as {
      version: string;
    };
    const text = readFileSync(`${root}/node_modules/${name}/LICENSE`, "utf8").trim();
    return `${"-".repeat(100)}\n${name} ${version}\n\n${text}\n`;
  });
  return [HEAD, ...texts].join("\n");
}
