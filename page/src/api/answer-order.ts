/**
 * For requests of one thing, whose answers may come in another order: call the function when one begins, and what it returns when it
 * is answered, which tells whether to take that answer. One to an earlier request than the last that was taken is dropped.
 */
export function answerOrder(): () => () => boolean {
  let begun = 0;
  let taken = 0;
  return () => {
    begun += 1;
    const own = begun;
    return () => {
      if (own < taken) return false;
      taken = own;
      return true;
    };
  };
}
