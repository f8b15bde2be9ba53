import "../../src/styles/tokens.css";
import "../../src/styles/base.css";
import "uplot/dist/uPlot.min.css";
import "./styles/frame.css";
import "./styles/summary.css";
import "./styles/curves.css";
import "./styles/texts.css";
import { byId, el } from "../../src/ui/dom";
import { startTheme } from "../../src/ui/theme";
import type { Report } from "./data";
import { showCurves } from "./ui/curves";
import { showExamples, showFunnels } from "./ui/grounding";
import { showReplies } from "./ui/replies";
import { showSummary } from "./ui/summary";

const report = JSON.parse(byId("data").textContent ?? "") as Report;

startTheme();
showSummary(report, byId("summary"));
const links = [{ id: "summary", title: "Summary" }];

function section(id: string, title: string, fill: (report: Report, place: HTMLElement) => boolean): void {
  const place = byId(id);
  place.hidden = !fill(report, place);
  if (!place.hidden) links.push({ id, title });
}
section("funnel", "Funnel", showFunnels);
section("thoughts", "Thoughts", showExamples);
links.push(...showCurves(report, byId("curves")));
section("replies", "Replies", showReplies);

byId("sections").append(...links.map(({ id, title }) => el("a", { href: `#${id}` }, title)));
