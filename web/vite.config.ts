import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { contentSecurityPolicy } from "./build/csp";
import { licences, PAGE_PACKAGES, RECORDINGS } from "./build/licenses";
import { WAVEFORM_HEIGHT_PX } from "./src/ui/clip_sizes";

const root = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");

// csp.txt is for the server and the tests, licenses.txt for whoever reads the page.
const texts: Plugin = {
  name: "stapes-texts",
  apply: "build",
  generateBundle() {
    const wavesurfer = readFileSync(`${root}/node_modules/wavesurfer.js/dist/wavesurfer.esm.js`, "utf8");
    writeFileSync(`${root}/csp.txt`, `${contentSecurityPolicy(wavesurfer, WAVEFORM_HEIGHT_PX)}\n`);
    this.emitFile({ type: "asset", fileName: "licenses.txt", source: licences(root, PAGE_PACKAGES, RECORDINGS) });
  },
};

export default defineConfig({
  base: "./", // a proxy may put the page below any path
  plugins: [texts],
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // nothing as data: URLs
    modulePreload: { polyfill: false },
  },
  server: {
    fs: { allow: [".."] }, // ../samples
    proxy: { "/v1": process.env["STAPES_SERVER"] ?? "http://127.0.0.1:9999" },
  },
});
