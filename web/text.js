// The page's words in the language of the browser. Views say them in English, t`${count} files`; other languages have a
// file of their own with all of them by that English text ("{0} files"), as gettext has. A test keeps them complete.

const languages = { en: null, de: "./german.js" };
const wanted = navigator.languages.map((tag) => tag.split("-")[0]);

/** "en", "de": the first language of the browser's that there is. */
export const language = wanted.find((tag) => Object.hasOwn(languages, tag)) ?? "en";
const none = { texts: new Map(), sentences: new Map() };
// A page in English is better than none.
const { texts, sentences } = languages[language] ? await import(languages[language]).catch(() => none) : none;

const fill = (text, values) => text.replace(/\{(\d)=?\}/g, (_, number) => values[number]);

/** A text of the page's own: t`${count} files`. */
export function t(parts, ...values) {
  const key = parts.reduce((all, part, number) => `${all}{${number - 1}}${part}`);
  return fill(texts.get(key) ?? key, values);
}

// "waits for {0}" as a pattern. What stands in quotation marks, or at {0=} in the other language, is a name.
const patterns = [...sentences]
  .filter(([english]) => english.includes("{0}"))
  .map(([english, other]) => ({
    pattern: new RegExp(`^${english.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\d\}/g, "(.+?)")}$`, "s"),
    is_name: (number) => english.includes(`'{${number}}'`) || other.includes(`{${number}=}`),
    other,
  }));

/**
 * What the server says of devices and of what went wrong, in English: a sentence that is not known stays as it is.
 * What stands in its places, and between semicolons, is said in the same way: a reason may be a sentence too.
 */
export function told(words) {
  const longest = 2000; // patterns take more and more time for more
  if (!words || sentences.size === 0 || words.length > longest) return words;
  if (sentences.has(words)) return sentences.get(words);
  for (const { pattern, is_name, other } of patterns) {
    const match = pattern.exec(words);
    if (!match) continue;
    const values = match.slice(1).map((value, number) => (is_name(number) ? value : told(value)));
    return fill(other, values);
  }
  return words.includes("; ") ? words.split("; ").map(told).join("; ") : words;
}

/** What stands in index.html. */
export function translateFrame() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("nav a, .skip"))
    element.textContent = texts.get(element.textContent) ?? element.textContent;
}
