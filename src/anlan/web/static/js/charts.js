// Live charts: reads the figures that stand beside each drawing and lets the reader zoom and point.
// The server's drawing stays for paper and for pages without scripts. Colours come from the page's sheets.
(() => {
  "use strict";
  if (!window.echarts) return;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const figure = (value) => (value === null || value === undefined ? "—" : String(value));

  const grid = (data) => ({
    animation: false,
    grid: { left: 8, right: 8 + Math.ceil(3.4 * (data.labels.at(-1) || "").length), top: 30, bottom: data.labels.length > 60 ? 56 : 12, containLabel: true },
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12, color: colour("text-3") },
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true, backgroundColor: colour("surface"),
      borderColor: colour("line-strong"), borderWidth: 1, padding: [8, 12],
      textStyle: { color: colour("text"), fontSize: 13, fontFamily: getComputedStyle(document.body).fontFamily },
      axisPointer: { type: "line", lineStyle: { color: colour("line-strong") } },
    },
    xAxis: {
      type: "category", data: data.labels, axisLine: { lineStyle: { color: colour("line-strong") } },
      axisTick: { show: false }, axisLabel: { color: colour("text-3"), hideOverlap: true },
    },
    yAxis: {
      type: "value", min: data.from_zero ? 0 : undefined, scale: !data.from_zero, minInterval: data.whole ? 1 : undefined,
      name: data.unit, nameTextStyle: { color: colour("text-2"), align: "left" }, nameGap: 12,
      splitLine: { lineStyle: { color: colour("line") } }, axisLabel: { color: colour("text-3") },
    },
    dataZoom: data.labels.length > 60 ? [
      { type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl" },
      {
        type: "slider", filterMode: "none", height: 20, bottom: 10, brushSelect: true, showDetail: false, moveHandleSize: 0,
        brushStyle: { color: colour("accent-tint") }, emphasis: { handleStyle: { borderColor: colour("accent") } },
        startValue: Math.max(0, data.labels.length - 156), borderColor: colour("line"), fillerColor: colour("accent-tint"),
        handleStyle: { color: colour("surface"), borderColor: colour("accent") },
        dataBackground: { lineStyle: { color: colour("data-2") }, areaStyle: { color: colour("data-3") } },
        selectedDataBackground: { lineStyle: { color: colour("accent") }, areaStyle: { color: colour("accent-tint") } },
      },
    ] : [],
  });

  // A hollow square on the value: shape, not hue, says that it was changed later.
  const corrected = (data, values) => ({
    name: data.words.revised, type: "scatter", symbol: "rect", symbolSize: 8, z: 6, silent: true,
    data: values.map((value, index) => (data.revised[index] ? value : null)),
    itemStyle: { color: colour("surface"), borderColor: colour("text"), borderWidth: 1.5 },
  });

  const curve = (data) => {
    const option = grid({ ...data, from_zero: true });
    const { words } = data;
    const over = (index) => Boolean(data.alarm && data.alarm[index]);
    option.series = [{
      name: words.observed, type: "bar", barCategoryGap: "12%", barMaxWidth: 26,
      data: data.observed.map((value, index) => ({ value, itemStyle: { color: colour(over(index) ? "accent" : "data") } })),
    }];
    if (data.estimate?.length) {
      option.series[0].stack = "reports";
      option.series.push({
        name: words.coming, type: "bar", stack: "reports", barMaxWidth: 26,
        data: data.estimate.map((value, index) => (value === null ? null : Math.max(0, value - (data.observed[index] || 0)))),
        itemStyle: { color: "transparent", borderColor: colour("accent"), borderType: "dashed", borderWidth: 1 },
      });
    }
    if (data.expected?.length) option.series.push({
      name: words.expected, type: "line", data: data.expected, symbol: "none", z: 4, lineStyle: { color: colour("text"), width: 1.6 },
    });
    if (data.upper?.length) option.series.push({
      name: words.upper, type: "line", step: "middle", data: data.upper, symbol: "none", z: 4,
      lineStyle: { color: colour("text"), width: 1.3, type: [5, 3] },
    });
    option.series.push({
      name: words.alarm, type: "scatter", symbol: "circle", symbolSize: 9, symbolOffset: [0, -9], z: 5, silent: true,
      data: data.observed.map((value, index) => (over(index) ? value : null)),
      itemStyle: { color: colour("surface"), borderColor: colour("accent"), borderWidth: 2 },
    });
    if (data.revised?.length) option.series.push(corrected(data, data.observed));
    const shaded = (flags, fill, name) => {
      const areas = [];
      (flags || []).forEach((flag, index) => {
        if (!flag) return;
        const last = areas[areas.length - 1];
        if (last && last.to === index - 1) last.to = index;
        else areas.push({ from: index, to: index });
      });
      return areas.map(({ from, to }) => [
        { xAxis: from - 0.5, name, itemStyle: { color: fill }, label: { show: to - from > 1, color: colour("text-3"), position: "insideTop" } },
        { xAxis: to + 0.5 },
      ]);
    };
    option.series[0].markArea = {
      silent: true,
      data: [
        ...shaded(data.provisional, colour("accent-tint"), ""),
        ...shaded(data.observed.map((value) => value === null), colour("sunk"), words.gap),
      ],
    };
    const end = (series, text) => {
      const held = option.series.find((item) => item.name === series);
      if (held) held.endLabel = { show: true, formatter: text, color: colour("text"), fontSize: 12, distance: 6 };
    };
    const latest = (values) => values[values.length - 1];
    end(words.expected, `${words.expected} ${figure(latest(data.expected || []))}`);
    end(words.upper, `${words.upper} ${figure(latest(data.upper || []))}`);
    const long = (text) => [...text].reduce((sum, sign) => sum + (sign.codePointAt(0) > 0x2e80 ? 12 : 7), 0);
    const ends = option.series.map((item) => item.endLabel?.formatter).filter(Boolean);
    if (ends.length) option.grid.right = 14 + Math.max(...ends.map(long));
    option.tooltip.formatter = (points) => {
      const index = points[0].dataIndex;
      const lines = [data.labels[index], `${words.observed}  ${figure(data.observed[index])}`];
      if (data.expected?.length) lines.push(`${words.expected}  ${figure(data.expected[index])}`);
      if (data.upper?.length) lines.push(`${words.upper}  ${figure(data.upper[index])}`);
      if (over(index)) lines.push(words.alarm);
      if (data.revised?.[index]) lines.push(words.revised);
      if (data.provisional?.[index]) lines.push(words.coming);
      return lines.join("\n");
    };
    return option;
  };

  const lines = (data) => {
    const option = grid(data);
    const strokes = ["text", "data", "data-2", "accent"];
    option.series = data.lines.map((line, place) => ({
      name: line.name, type: "line", data: line.values, connectNulls: false, symbol: "circle", symbolSize: 5,
      showSymbol: data.labels.length < 40, lineStyle: { color: colour(strokes[place % 4]), width: 1.7, type: place > 1 ? [4, 3] : "solid" },
      itemStyle: { color: colour(strokes[place % 4]) },
      markLine: place === 0 && data.limits?.length ? {
        symbol: "none", silent: true, lineStyle: { color: colour("text"), type: [5, 3] },
        label: { color: colour("text"), position: "insideEndTop" },
        data: data.limits.map((limit) => ({ yAxis: limit.value, name: limit.name, label: { formatter: `${limit.name} ${limit.value}` } })),
      } : undefined,
    }));
    if (data.revised?.length) option.series.push(corrected(data, data.lines[0].values));
    option.tooltip.formatter = (points) => [
      points[0].name,
      ...points.filter((point) => point.seriesType === "line").map((point) => `${point.seriesName}  ${figure(point.value)}`),
      ...(data.revised?.[points[0].dataIndex] ? [data.words.revised] : []),
    ].join("\n");
    return option;
  };

  const draw = (frame) => {
    const source = frame.querySelector("script[data-chart-data]");
    if (!source) return;
    const data = JSON.parse(source.textContent);
    const box = frame.querySelector(".plot-box");
    let live = box.querySelector(".plot-live");
    if (!live) {
      live = document.createElement("div");
      live.className = "plot-live";
      live.setAttribute("aria-hidden", "true");
      box.append(live);
    }
    frame.classList.add("live");
    const chart = window.echarts.getInstanceByDom(live) || window.echarts.init(live, null, { renderer: "canvas" });
    chart.setOption(data.kind === "curve" ? curve(data) : lines(data), true);
    return chart;
  };

  const charts = new Set();
  const drawAll = () => document.querySelectorAll("figure[data-chart]").forEach((frame) => {
    const chart = draw(frame);
    if (chart) charts.add(chart);
  });
  window.addEventListener("resize", () => charts.forEach((chart) => chart.resize()));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  drawAll();
})();
