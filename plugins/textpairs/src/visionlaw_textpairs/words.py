"""The words that the pages are made of: everyday nouns, without punctuation, that no script here needs shaping for."""

from __future__ import annotations

from visionlaw_textpairs.plugin import SCRIPTS

LATIN = """apple autumn basket bridge butter candle carpet castle cherry circle coffee copper corner cotton desert
diamond dinner doctor dragon engine evening farmer feather finger flower forest garden ginger guitar hammer harbor
harvest helmet honey island jacket journey kitchen ladder lantern leather lemon letter magnet marble market meadow
mirror monkey morning mountain needle number ocean orange oxygen palace paper pencil pepper planet pocket potato
quarter rabbit ribbon river rocket saddle season shadow silver spider spring square stable summer teacher temple
thunder ticket timber tunnel valley velvet village violin walnut weather window winter wizard yellow zipper"""

GREEK = """άγαλμα αγορά αέρας αλάτι άνεμος άνοιξη αστέρι βάρκα βιβλίο βουνό γάλα γέφυρα γράμμα γυαλί δάσος δέντρο
δρόμος δωμάτιο ελιά ημέρα ήλιος θάλασσα θέατρο ιστορία καιρός κήπος κλειδί κόσμος κύμα λάμπα λεμόνι λιμάνι λουλούδι
μάτι μέλι μήλο μουσική μύλος νερό νησί νύχτα ξύλο όνειρο ουρανός παράθυρο πέτρα πόλη πόρτα ποτάμι ρολόι ρόδα
σελίδα σπίτι σχολείο ταξίδι τραπέζι τυρί ύπνος φεγγάρι φίλος φωτιά χάρτης χειμώνας χορός χρώμα ψάρι ψωμί ώρα"""

CYRILLIC = """адрес апрель берег билет буква вагон ветер вечер вишня вопрос воздух город гость дерево дорога дождь
журнал завод закон звезда зеркало зима игра камень карта книга ключ колесо корабль лампа лестница лето лимон лодка
масло месяц молоко море мост музыка небо неделя ночь облако огонь озеро окно осень остров парус песня письмо площадь
погода поезд поле птица рассвет река рынок рыба сахар свеча север снег солнце стекло страна театр трава улица утро
фонарь хлеб цветок чашка школа щётка эхо юность яблоко"""

ARMENIAN = """աշուն արև աղբյուր աստղ բառ բարև գարուն գետ գիրք դուռ դաշտ դպրոց երգ երկինք զանգ էջ ընկեր թագ թերթ ժամ
լույս լեռ խաղ խնձոր ծառ ծով կամուրջ կատու հաց հող ձմեռ ձուկ ճանապարհ մատիտ մեղր նավ նամակ շուն պատ պարտեզ ջուր
սեղան սար վարդ տուն փողոց քաղաք քար օդ ֆիլմ"""

GEORGIAN = """ანბანი აპრილი ბაღი ბილიკი ბურთი გზა გემი გული დილა დღე ეზო ელვა ვარდი ვაშლი ზამთარი ზღვა თაფლი თევზი
თოვლი იანვარი კარი კატა კიბე ლექსი ლიმონი მდინარე მზე მთა მთვარე მარილი ნავი ნიავი ოქრო პური ჟამი რძე რკინა საათი
სახლი სიმღერა სკოლა ტბა ტყე უბანი ფერი ფოთოლი ქალაქი ქარი ღამე ღრუბელი ყვავილი შაქარი ჩანთა ცა ცეცხლი ძაღლი წიგნი
წყალი ჭიქა ხე ხიდი ჯიბე ჰაერი"""

WORDS: dict[str, tuple[str, ...]] = {
    script: tuple(text.split())
    for script, text in zip(SCRIPTS, (LATIN, GREEK, CYRILLIC, ARMENIAN, GEORGIAN), strict=True)
}

FIGURES = "0123456789.,"


def capital(word: str) -> str:
    """Return the word as it begins a sentence; Georgian, whose capitals few fonts have, stays as it is."""
    first = word[0]
    return word if "ა" <= first <= "ჿ" else first.upper() + word[1:]


def alphabet(script: str) -> frozenset[str]:
    """Return all characters that pages in this script may show."""
    words = WORDS[script]
    return frozenset("".join(words) + "".join(capital(word) for word in words) + FIGURES)
