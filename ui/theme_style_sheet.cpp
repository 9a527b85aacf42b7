// The style sheet: what Fusion and the palette alone do not give. Selectors name widget classes and
// the dynamic property "role"; colours come from the tokens only.
#include "ui/theme.h"

namespace ui {

namespace {

// {token} is replaced by the palette's colour, {r} and {card} by the radii, {N px} stays as it is.
constexpr auto kTemplate = R"(
QToolTip { background: {surface}; color: {text}; border: 1px solid {border}; padding: 4px 8px; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: {border}; border-radius: 3px; margin: 2px; min-height: 28px; min-width: 28px; }
QScrollBar::handle:hover { background: {muted}; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: none; border: none; width: 0; height: 0; }
QPushButton, QToolButton, QCheckBox, QComboBox { outline: none; }
QPushButton { background: {surface}; color: {text}; border: 1px solid {border}; border-radius: {r}px; padding: 6px 12px; }
QPushButton:hover { background: {sunken}; }
QPushButton:pressed { background: {border}; }
QPushButton:disabled { color: {muted}; }
QPushButton:focus, QToolButton:focus, QComboBox:focus { border: 2px solid {accent}; padding: 5px 11px; }
QCheckBox:focus { border: 2px solid {accent}; }
QPushButton[role="primary"] { background: {accent}; color: {onAccent}; border: 1px solid {accent}; font-weight: 600; }
QPushButton[role="primary"]:disabled { background: {border}; border-color: {border}; color: {muted}; }
QPushButton[role="primary"]:focus { border: 2px solid {text}; padding: 5px 11px; }
QPushButton[role="link"] { background: transparent; border: 2px solid transparent; color: {accent}; padding: 2px 0; text-align: left; }
QPushButton[role="link"]:focus { border-color: {accent}; }
QPushButton[role="link"]:hover { text-decoration: underline; }
QPushButton[role="suggestion"] { text-align: left; padding: 10px 14px; border-radius: {card}px; }
QPushButton[role="suggestion"]:focus { padding: 9px 13px; }
QToolButton { background: transparent; color: {text}; border: 1px solid transparent; border-radius: {r}px; padding: 5px; }
QToolButton:hover { background: {sunken}; }
QToolButton:checked { background: {sunken}; color: {accent}; }
QToolButton:focus { padding: 4px; }
QToolButton::menu-indicator { image: none; }
QLineEdit, QPlainTextEdit, QSpinBox, QDoubleSpinBox, QComboBox { background: {surface}; border: 1px solid {border};
    border-radius: {r}px; padding: 5px 8px; selection-background-color: {accent}; selection-color: {onAccent}; }
QLineEdit:focus, QPlainTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus { border: 2px solid {accent}; padding: 4px 7px; }
QLineEdit:disabled, QPlainTextEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled { background: {window}; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url(:/icons/control/down-{theme}.svg); width: 14px; height: 14px; }
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::down-button { border: none; background: transparent; width: 22px; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url(:/icons/control/up-{theme}.svg); width: 12px; height: 12px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url(:/icons/control/down-{theme}.svg); width: 12px; height: 12px; }
QCheckBox { padding: 2px 2px 2px 0; spacing: 8px; border: 2px solid transparent; border-radius: {r}px; }
QCheckBox[role="bare"] { padding: 2px 0; spacing: 0; }
QCheckBox::indicator { width: 16px; height: 16px; border: 1px solid {muted}; border-radius: 4px; background: {surface}; }
QCheckBox::indicator:checked { background: {accent}; border-color: {accent}; image: url(:/icons/control/check-{theme}.svg); }
QMenu::indicator { width: 14px; height: 14px; margin-left: 6px; }
QComboBox QAbstractItemView { background: {surface}; border: 1px solid {border}; selection-background-color: {sunken}; selection-color: {text}; }
QMenu { background: {surface}; color: {text}; border: 1px solid {border}; border-radius: {r}px; padding: 4px; }
QMenu::item { padding: 6px 28px 6px 12px; border-radius: 4px; }
QMenu::item:selected { background: {sunken}; }
QMenu::item:disabled { color: {muted}; }
QMenu::separator { height: 1px; background: {border}; margin: 4px 8px; }
QMenu::icon { padding-left: 8px; }
QToolButton[role="cell"] { color: {muted}; padding: 3px 6px; border: 1px solid transparent; }
QToolButton[role="cell"]:hover { color: {text}; background: {border}; }
QToolButton[role="cell"]:focus { border: 2px solid {accent}; padding: 2px 5px; }
QTableView { background: {surface}; border: 1px solid {border}; border-radius: {r}px; selection-background-color: {sunken}; selection-color: {text}; outline: none; }
QTableView::item { padding: 2px 8px; border-bottom: 1px solid {sunken}; }
QTableView:focus { border: 2px solid {accent}; }
QAbstractScrollArea::corner { background: transparent; border: none; }
QHeaderView { background: transparent; border: none; }
QHeaderView::section { background: transparent; color: {muted}; border: none; border-bottom: 1px solid {border}; padding: 5px 11px; }
QHeaderView::section:vertical { border-bottom: 1px solid {sunken}; }
QTabBar[role="section"]::tab { background: transparent; color: {muted}; border: 2px solid transparent; padding: 4px 5px 6px 5px; margin-right: 12px; }
QTabBar[role="section"] { outline: none; }
QTabBar[role="section"]::tab:selected { color: {text}; border-bottom-color: {accent}; }
QTabBar[role="section"]::tab:hover { color: {text}; }
QTabBar[role="section"]::tab:selected:focus { border-color: {accent}; border-radius: 4px; }
QTableCornerButton::section { background: transparent; border: none; border-bottom: 1px solid {border}; }
QListView[role="rows"]::item { padding: 6px 6px; border: 1px solid transparent; border-radius: {r}px; }
QListView[role="rows"]::item:hover { background: {border}; color: {text}; }
QListView[role="rows"]::item:selected { background: {surface}; border-color: {border}; color: {text}; }
QListView[role="rows"]::item:selected:focus { border-color: {accent}; }
QFrame[role="lane"] { background: {window}; border: 1px solid {border}; border-radius: {card}px; }
QListView { background: transparent; border: none; outline: none; }
QTabBar[role="chats"]::tab { background: transparent; color: {muted}; border: 1px solid transparent; border-bottom: none;
    border-top-left-radius: {r}px; border-top-right-radius: {r}px; padding: 6px 8px; margin-right: 2px; }
QTabBar[role="chats"]::tab:hover { background: {sunken}; }
QTabBar[role="chats"]::tab:selected { background: {sunken}; color: {text}; border-color: {border}; }
QTabBar[role="chats"]::tab:selected:focus { border: 2px solid {accent}; padding: 5px 7px; }
QTabBar[role="chats"]::close-button { image: url(:/icons/control/close-{theme}.svg); subcontrol-position: right; border-radius: 4px; width: 14px; height: 14px; }
QTabBar[role="chats"]::close-button:hover { background: {border}; }
QSplitter::handle { background: {border}; }
QProgressBar { background: {sunken}; border: none; border-radius: 3px; min-height: 6px; max-height: 6px; }
QProgressBar::chunk { background: {accent}; border-radius: 3px; }
QDialog { background: {window}; }
QLabel[role="muted"] { color: {muted}; }
QLabel[role="problem"] { color: {bad}; }
QLabel[role="chip"] { color: {info}; border: 1px solid {border}; border-radius: {r}px; padding: 0 6px; font-size: {small}px; }
QFrame[role="bar"] { background: {sunken}; border-top: 1px solid {border}; }
QListWidget[role="sections"]::item { padding: 7px 10px; border-radius: {r}px; color: {text}; }
QListWidget[role="sections"]::item:selected { background: {sunken}; color: {accent}; }
QPushButton[role="link"]:disabled { color: {muted}; }
QLabel[role="title"] { font-size: {title}px; font-weight: 600; }
QLabel[role="display"] { font-size: {display}px; font-weight: 600; }
QLabel[role="badge"] { color: {muted}; border: 1px solid {border}; border-radius: {r}px; padding: 1px 8px; }
QLabel[role="badge"][own="true"] { color: {accent}; border-color: {accent}; }
QFrame[role="card"] { background: {surface}; border: 1px solid {border}; border-radius: {card}px; }
QFrame[role="card"][focused="true"] { border: 2px solid {accent}; }
QFrame[role="card"] > QPlainTextEdit, QFrame[role="card"] > QPlainTextEdit:focus { border: none; background: transparent; padding: 2px; }
QFrame[role="hairline"] { background: {border}; border: none; max-height: 1px; min-height: 1px; }
QFrame[role="vertical-hairline"] { background: {border}; border: none; max-width: 1px; min-width: 1px; }
QFrame[role="banner"] { background: {sunken}; border-bottom: 1px solid {border}; }
QWidget[role="sidebar"], QWidget[role="rail"], QWidget[role="status"] { background: {sunken}; }
)";

} // namespace

QString styleSheet(const Palette& palette, int zoomPercent) {
    QString sheet = QString::fromLatin1(kTemplate);
    const auto set = [&sheet](const char* token, const QString& value) {
        sheet.replace(QStringLiteral("{%1}").arg(QLatin1String(token)), value);
    };
    set("theme", palette.dark ? QStringLiteral("dark") : QStringLiteral("light"));
    set("window", palette.window.name());
    set("surface", palette.surface.name());
    set("sunken", palette.sunken.name());
    set("border", palette.border.name());
    set("text", palette.text.name());
    set("muted", palette.muted.name());
    set("accent", palette.accent.name());
    set("onAccent", palette.onAccent.name());
    set("bad", palette.bad.name());
    set("info", palette.info.name());
    set("r", QString::number(space::kControlRadius));
    set("card", QString::number(space::kCardRadius));
    set("small", QString::number(static_cast<int>(TextSize::Small) * zoomPercent / 100));
    set("title", QString::number(static_cast<int>(TextSize::Title) * zoomPercent / 100));
    set("display", QString::number(static_cast<int>(TextSize::Display) * zoomPercent / 100));
    return sheet;
}

} // namespace ui
