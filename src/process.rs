//! Running commands: cleaned environment, bounded output, killed as a group, never outliving firedrill.
