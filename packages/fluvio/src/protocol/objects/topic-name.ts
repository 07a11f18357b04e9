const TOPIC_NAME_CHARS_MAX = 63;

/** What is wrong with a topic's name, as a sentence; `undefined` when nothing is. Topics of the system keep to it too. */
export function topicNameProblem(name: string): string | undefined {
  if (name === "") return "Invalid Topic name: it is empty. Contain only lowercase alphanumeric characters or '-'";
  if (name.length > TOPIC_NAME_CHARS_MAX) {
    const start = name.slice(0, TOPIC_NAME_CHARS_MAX);
    return `Invalid Topic name ${start}…. Name exceeds max characters allowed ${TOPIC_NAME_CHARS_MAX}`;
  }
  if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return undefined;
  const ends = /^[a-z0-9-]+$/.test(name) ? ", and neither start nor end with '-'" : "";
  return `Invalid Topic name ${name}. Contain only lowercase alphanumeric characters or '-'${ends}`;
}
