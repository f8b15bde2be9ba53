// Builds report/ into one file, dist-report/report.html: the template of src/report/page.cc. Script, style and type are
// inside; the content security policy names both by their hashes and allows nothing from anywhere else.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { licences } from "../build/licenses";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function policy(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "img-src data:",
    "font-src data:",
    "media-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

const onePage: Plugin = {
  name: "stapes-one-page",
  enforce: "post", // after Vite has put the styles together
  generateBundle(_, bundle) {
    const chunk = Object.values(bundle).find((file) => file.type === "chunk");
    const sheet = Object.values(bundle).find((file) => file.type === "asset" && file.fileName.endsWith(".css"));
    if (chunk?.type !== "chunk" || sheet?.type !== "asset") throw new Error("expected one script and one style sheet");
    const script = chunk.code;
    const style = String(sheet.source);
    if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style))
      throw new Error("a script or style ends its element");
    const icon = `data:image/svg+xml;base64,${readFileSync(`${root}/src/icon.svg`).toString("base64")}`;
    const used = ["uplot", "@fontsource-variable/instrument-sans", "@fontsource/instrument-serif"];
    const values: Record<string, string> = {
      "{{POLICY}}": policy(script, style),
      "{{ICON}}": icon,
      "{{LICENCES}}": escaped(licences(root, used)),
      "<!--STYLE-->": `<style>${style}</style>`,
      "<!--DATA-->": '<script type="application/json" id="data">{{STAPES_DATA}}</script>',
      "<!--SCRIPT-->": `<script>${script}</script>`,
    };
    const template = readFileSync(`${root}/report/template.html`, "utf8");
    const marks = new RegExp(Object.keys(values).join("|"), "g");
    const page = template.replace(marks, (mark) => values[mark]!);
    for (const mark of ["{{STAPES_TITLE}}", "{{STAPES_DATA}}"])
      if (page.split(mark).length !== 2) throw new Error(`expected ${mark} once`);
    for (const name of Object.keys(bundle)) delete bundle[name];
    this.emitFile({ type: "asset", fileName: "report.html", source: page });
  },
};

export default defineConfig({
  root,
  plugins: [onePage],
  build: {
    target: "es2022",
    outDir: "dist-report",
    copyPublicDir: false,
    cssCodeSplit: false,
    lib: { entry: `${root}/report/src/main.ts`, formats: ["iife"], name: "StapesReport" },
  },
});
