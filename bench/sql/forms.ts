/** The transactions that are compared, by the names that the results give them. */
export const FORMS = {
  row: 'the business row alone',
  one: 'row and postdate.schedule()',
  many: 'many of both in one transaction',
};

export const TENANT = 'bench';
