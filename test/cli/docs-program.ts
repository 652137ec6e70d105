import { installation } from '../../app/installation';
import { invoiceReminder } from '../../examples/invoice-reminder';
import { postdate } from '../../src/cli/main';

// The program of an installation that has README's topic as well, as the examples of docs/cli.md suppose.
void postdate(process.argv.slice(2), { ...installation, topics: [...installation.topics, invoiceReminder] });
