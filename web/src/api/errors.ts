// What went wrong between the page and the server, in one plain sentence.

export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0: no answer came at all, or it was cut off. */
    readonly status: number,
    /** After how many seconds the server wants to be asked again. */
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }
}

export const NO_ANSWER = "The server did not answer. Is stapes serve still running?";
export const CUT_OFF = "The connection ended before the answer was complete.";

/** For a reply that is not a success: the server's own words where it sent some. */
export async function errorOfReply(reply: Response): Promise<ApiError> {
  const text = await reply.text().catch(() => "");
  const after = Number(reply.headers.get("Retry-After") ?? NaN);
  return new ApiError(
    messageOf(text) ??
      `The server answered with status ${reply.status}${reply.statusText && ` (${reply.statusText})`}.`,
    reply.status,
    Number.isFinite(after) ? after : null,
  );
}

/** error.message of OpenAI's error object, in a text that is one. */
export function messageOf(json: string): string | null {
  try {
    const message: unknown = JSON.parse(json)?.error?.message;
    return typeof message === "string" && message !== "" ? sentence(message) : null;
  } catch {
    return null;
  }
}

// The path of a field ("messages[0].content: ...") stays as the server wrote it.
function sentence(words: string): string {
  const text = /^[a-z]+ /.test(words) ? words.charAt(0).toUpperCase() + words.slice(1) : words;
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
