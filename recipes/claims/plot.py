"""A line plot as SVG: readable on light and dark pages, no libraries."""
import html

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 36, 48
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]  # Okabe and Ito: told apart by the colour-blind
DASHES = ["", "7 4", "2 3", "9 3 2 3"]


def nice_ticks(low, high):
    span = (high - low) or 1
    step = 10 ** len(str(int(span))) / 100
    while span / step > 6:
        step *= 2 if str(step).strip("0.")[0] != "2" else 2.5
    first = -(-low // step)
    return [first * step + i * step for i in range(int((high - first * step) / step + 1e-9) + 1)]


def line_plot(path, title, x_label, y_label, lines, x_ticks=None, y_range=None):
    """lines: {name: [(x, mean, half interval or None)]}; x_ticks: [(x, label)]."""
    points = [p for line in lines.values() for p in line]
    x_low, x_high = min(p[0] for p in points), max(p[0] for p in points)
    y_low, y_high = y_range or (0, max(p[1] + (p[2] or 0) for p in points) * 1.05)
    x_at = lambda x: LEFT + (x - x_low) / ((x_high - x_low) or 1) * (WIDTH - LEFT - RIGHT)
    y_at = lambda y: TOP + (y_high - min(max(y, y_low), y_high)) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           f'font-family="sans-serif" font-size="12"><title>{html.escape(title)}</title>',
           '<style>text{fill:#333}.grid{stroke:#8884}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>',
           f'<text x="{LEFT}" y="20" font-size="14">{html.escape(title)}</text>']
    for y in nice_ticks(y_low, y_high):
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_at(y):.1f}" y2="{y_at(y):.1f}"/>'
                   f'<text x="{LEFT - 6}" y="{y_at(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x, label in x_ticks or [(x, f"{x:g}") for x in nice_ticks(x_low, x_high)]:
        out.append(f'<text x="{x_at(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{label}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{html.escape(x_label)}</text>'
               f'<text x="12" y="{TOP - 4}">{html.escape(y_label)}</text>')
    for i, (name, line) in enumerate(lines.items()):
        colour, dash = COLOURS[i % 4], DASHES[i % 4]
        if all(half is not None for _, _, half in line):
            edge = [(x, y + h) for x, y, h in line] + [(x, y - h) for x, y, h in reversed(line)]
            out.append('<polygon fill="%s" opacity="0.15" points="%s"/>' %
                       (colour, " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in edge)))
        out.append('<polyline fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s" points="%s"/>' %
                   (colour, dash, " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y, _ in line)))
        y = TOP + 14 + 20 * i
        out.append(f'<line x1="{WIDTH - RIGHT + 10}" x2="{WIDTH - RIGHT + 34}" y1="{y}" y2="{y}" stroke="{colour}" '
                   f'stroke-width="2" stroke-dasharray="{dash}"/>'
                   f'<text x="{WIDTH - RIGHT + 40}" y="{y + 4}">{html.escape(name)}</text>')
    path.write_text("\n".join(out) + "\n</svg>\n")
