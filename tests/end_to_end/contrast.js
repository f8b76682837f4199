// The contrast of every piece of text on the page with what is painted behind it (WCAG 2).
const done = arguments[arguments.length - 1];
const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

function painted(...colours) {
  brush.clearRect(0, 0, 1, 1);
  for (const colour of colours) {
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
  }
  return [...brush.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((byte) => {
    const value = byte / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function behind(element) {
  const layers = [];
  for (let each = element; each; each = each.parentElement) {
    const style = getComputedStyle(each);
    // The lighter end of an avatar's gradient stands for it: its letters are white.
    const gradient = style.backgroundImage.match(/gradient\([^,]+, (\w+\([^)]*\))/);
    layers.unshift(gradient ? gradient[1] : style.backgroundColor);
    if (each.tagName === "DIALOG") break;
  }
  return layers;
}

const ratios = {};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  const words = texts.currentNode.textContent.trim();
  if (!words || !element.checkVisibility({ visibilityProperty: true })) continue;
  if (element.closest("noscript, svg, script, style, :disabled")) continue;
  const layers = behind(element);
  const below = luminance(painted("white", ...layers));
  const above = luminance(painted("white", ...layers, getComputedStyle(element).color));
  const ratio = (Math.max(above, below) + 0.05) / (Math.min(above, below) + 0.05);
  const hue = getComputedStyle(element).getPropertyValue("--hue");
  ratios[`${element.tagName}.${element.className} ${hue} ${words.slice(0, 20)}`] = ratio;
}
done(ratios);
