// What the ACPI tables promise of the chipset, so that both sides read one place. All ports are I/O ports.

/** PM1a event block: status at +0, enable at +2. */
export const PM1A_EVT_BLK = 0x400;
/** PM1a control: SCI_EN bit 0 (always 1), SLP_TYP 12:10, SLP_EN bit 13. */
export const PM1A_CNT_BLK = 0x404;
/** PM timer: 32 bits, 3.579545 MHz. */
export const PM_TMR_BLK = 0x408;
/** SLP_TYP that _S5 names: soft off, as on a PIIX4. */
export const SLP_TYP_S5 = 0;
/** The system control interrupt: ISA line 9, level, active high. */
export const SCI_INT = 9;
/** The reset control register, and the value for a hard reset. */
export const RESET_REG = 0xcf9;
export const RESET_VALUE = 6;
export const LOCAL_APIC_BASE = 0xfee0_0000;
export const IO_APIC_BASE = 0xfec0_0000;
export const IO_APIC_ID = 0;
/** Index of the century in the RTC's memory. */
export const RTC_CENTURY = 0x32;

/** The interrupt line that the VMBus device names. It is never raised: messages come by the SynIC's vectors. */
export const VMBUS_IRQ = 5;
/** Memory for PCI devices below 4 GiB; the synthetic video adapter's framebuffer comes here. */
export const PCI_WINDOW_BASE = 0xf800_0000;
export const PCI_WINDOW_END = 0xfebf_ffff;
/** Memory that VMBus devices may map (hyperv_mmio), above 4 GiB and within 36 bits. */
export const VMBUS_WINDOW_BASE = 0xf_e000_0000n;
export const VMBUS_WINDOW_END = 0xf_ffff_ffffn;
