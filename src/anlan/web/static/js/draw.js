// Draws a warning's area on the map. What is drawn is written into the form's GeoJSON field; the form is sent as usual.
(() => {
  "use strict";
  const holder = document.querySelector("[data-draw-map]");
  if (!holder || !window.L?.PM) return;
  holder.dataset.ready = "1"; // shown now, so that the map knows its size
  const known = JSON.parse(document.querySelector("[data-draw-data]").textContent);
  const field = document.getElementById("f-geojson");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const map = L.map(holder, { attributionControl: false, zoomSnap: 0.25, keyboard: true });
  const land = L.geoJSON(known.areas, {
    interactive: false,
    pmIgnore: true,
    style: { color: colour("--border"), weight: 1, fillColor: colour("--land"), fillOpacity: 1 },
  }).addTo(map);
  map.fitBounds(land.getBounds(), { padding: [8, 8] });
  const words = (text) => {
    const made = document.createElement("span");
    made.textContent = text;
    return made;
  };
  known.areas.features.forEach(({ properties: { label: [longitude, latitude], name } }) => {
    const icon = L.divIcon({ className: "draw-name", html: words(name), iconSize: null });
    L.marker([latitude, longitude], { icon, interactive: false, keyboard: false, pmIgnore: true }).addTo(map);
  });
  known.sites.forEach((site) => {
    L.circleMarker([site.lat, site.lon], { radius: 4, weight: 2, color: colour("--text-2"), fillOpacity: 0, pmIgnore: true })
      .bindTooltip(words(site.name)).addTo(map);
  });

  const drawn = L.featureGroup().addTo(map);
  const style = { color: colour("--accent"), weight: 2, fillColor: colour("--accent"), fillOpacity: 0.2 };
  const rounded = (value) => Math.round(value * 1e6) / 1e6;
  const feature = (layer) => {
    if (layer instanceof L.Circle) {
      const { lat, lng } = layer.getLatLng();
      return { type: "Feature", properties: { radius_km: Math.round(layer.getRadius()) / 1000 }, geometry: { type: "Point", coordinates: [rounded(lng), rounded(lat)] } };
    }
    const ring = layer.getLatLngs()[0].map(({ lat, lng }) => [rounded(lng), rounded(lat)]);
    return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [[...ring, ring[0]]] } };
  };
  const write = () => {
    const features = drawn.getLayers().map(feature);
    field.value = features.length ? JSON.stringify({ type: "FeatureCollection", features }) : "";
  };
  const keep = (layer) => {
    drawn.addLayer(layer);
    layer.on("pm:edit pm:update", write);
  };
  const read = () => {
    drawn.clearLayers();
    let value;
    try { value = JSON.parse(field.value || "null"); } catch { return; }
    const features = value?.type === "FeatureCollection" ? value.features : value ? [value] : [];
    features.forEach((one) => {
      const geometry = one?.geometry ?? one;
      if (geometry?.type === "Point") {
        const [longitude, latitude] = geometry.coordinates;
        keep(L.circle([latitude, longitude], { ...style, radius: 1000 * (one.properties?.radius_km || 1) }));
      } else if (geometry?.type === "Polygon") {
        keep(L.polygon(geometry.coordinates[0].slice(0, -1).map(([x, y]) => [y, x]), style));
      }
    });
  };
  const off = () => {
    if (map.pm.globalDrawModeEnabled()) map.pm.disableDraw();
    if (map.pm.globalEditModeEnabled()) map.pm.disableGlobalEditMode();
    if (map.pm.globalRemovalModeEnabled()) map.pm.disableGlobalRemovalMode();
    document.querySelectorAll("[data-draw]").forEach((button) => button.setAttribute("aria-pressed", "false"));
  };
  const modes = {
    polygon: () => map.pm.enableDraw("Polygon", { pathOptions: style, templineStyle: style, hintlineStyle: style, tooltips: false, snappable: false, allowSelfIntersection: false }),
    circle: () => map.pm.enableDraw("Circle", { pathOptions: style, templineStyle: style, hintlineStyle: style, tooltips: false, snappable: false }),
    change: () => map.pm.enableGlobalEditMode({ allowSelfIntersection: false }),
    remove: () => map.pm.enableGlobalRemovalMode(),
  };
  document.querySelectorAll("[data-draw]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") === "true";
      off();
      if (on) return;
      button.setAttribute("aria-pressed", "true");
      modes[button.dataset.draw]();
    });
  });
  map.on("pm:create", ({ layer }) => {
    map.removeLayer(layer);
    layer.setStyle(style);
    keep(layer);
    off();
    write();
  });
  map.on("pm:remove", ({ layer }) => { drawn.removeLayer(layer); write(); });
  field.addEventListener("change", read);
  read();
})();
