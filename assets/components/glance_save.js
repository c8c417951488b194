// The overview as a file: the SVG that is on the page, on an opaque ground, or the same as a PNG at twice its size.

/** The picture as SVG text; `extra` nodes are laid over it. */
function pictureText(svg, { paper, ink }, font, alt, height, extra) {
  const [width, tall] = [Number(svg.getAttribute("width")), Math.max(Number(svg.getAttribute("height")), height)];
  const copy = svg.cloneNode(true);
  keepWidths(svg, copy);
  for (const node of copy.querySelectorAll("[tabindex], .tile, .fold")) {
    for (const name of ["tabindex", "role", "aria-pressed"]) node.removeAttribute(name);
  }
  for (const node of copy.querySelectorAll(".focus-ring, .fold > :not(text)")) node.remove(); // nothing folds on paper
  for (const words of copy.querySelectorAll(".fold > text")) words.setAttribute("transform", "translate(-9 0)"); // where the sign was
  for (const [name, value] of Object.entries({
    xmlns: SVG_SPACE, width, height: tall, viewBox: `0 0 ${width} ${tall}`, "font-family": font, fill: cssColour(ink), role: "img",
  })) copy.setAttribute(name, value);
  const title = glanceNode("title");
  title.textContent = alt;
  copy.prepend(title, glanceNode("rect", { width, height: tall, fill: paper }));
  copy.append(...extra);
  return new XMLSerializer().serializeToString(copy);
}

/** Writes down how long every line of text is: who opens the file may lack the page's font. */
function keepWidths(drawn, copy) {
  const lines = copy.querySelectorAll("text");
  drawn.querySelectorAll("text").forEach((text, index) => {
    const length = text.textContent && text.childElementCount === 0 ? text.getComputedTextLength() : 0;
    if (!length) return;
    lines[index].setAttribute("textLength", length.toFixed(1));
    lines[index].setAttribute("lengthAdjust", "spacingAndGlyphs");
  });
}

/** The page's rules for some fonts, with the files in them: a picture that is drawn apart from the page has no others. */
async function fontRules(families) {
  const bare = (name) => name.replace(/["']/g, "").trim();
  const wanted = new Set(families.map((family) => bare(family.split(",")[0])));
  const every = [...document.styleSheets].flatMap((sheet) => {
    try {
      return [...sheet.cssRules];
    } catch {
      return []; // another site's
    }
  });
  const rules = every.filter((rule) => rule instanceof CSSFontFaceRule && wanted.has(bare(rule.style.getPropertyValue("font-family"))));
  const filled = rules.map(async (rule) => {
    const [, address] = rule.style.getPropertyValue("src").match(/url\(["']?([^"')]+)/) || [];
    const file = await (await fetch(new URL(address, rule.parentStyleSheet.href || document.baseURI))).blob();
    const read = new FileReader();
    const there = new Promise((done, fail) => Object.assign(read, { onload: done, onerror: fail }));
    read.readAsDataURL(file);
    await there;
    return rule.cssText.replace(/url\([^)]*\)/, `url(${read.result})`);
  });
  return (await Promise.allSettled(filled)).map(({ value = "" }) => value).join("");
}

/** The picture as a PNG in the page's own letters, `scale` pixels to a CSS pixel. */
async function pictureAsPng(svg, families, scale = 2) {
  const rules = await fontRules(families);
  const text = svg.replace(">", () => `><style>${rules}</style>`);
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    const picture = new Image();
    picture.src = address;
    await picture.decode();
    const canvas = element("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => { canvas.toBlob(done, "image/png"); });
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Hands a file to the browser's downloads. */
function offerFile(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** A file name out of any text. */
function fileNameOf(text) {
  return String(text).replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|-+$/g, "").slice(0, 80) || "network";
}
